//! The flags of collectors, under node_exporter's names: `--collector.NAME`, `--no-collector.NAME` and their options.

use super::RootArgs;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use watchfire_collect::{COLLECTORS, Options, Roots};

const HEADING: &str = "Collectors";

/// What is said about collectors on the command line.
#[derive(Clone, Debug)]
pub(crate) struct CollectorArgs {
    roots: RootArgs,
    /// Flags without dashes, and their values, empty for a switch.
    flags: Vec<(&'static str, String)>,
}

impl CollectorArgs {
    /// Where the host's files are.
    pub(crate) fn roots(&self) -> Roots {
        Roots {
            procfs: self.roots.procfs.clone(),
            sysfs: self.roots.sysfs.clone(),
            rootfs: self.roots.rootfs.clone(),
            udev_data: self.roots.udev.clone(),
        }
    }

    /// Brings the options in line with the flags, which have been checked.
    pub(crate) fn apply(&self, options: &mut Options) -> Result<(), String> {
        options.apply(self.flags.iter().map(|(flag, value)| (*flag, value.as_str())))
    }
}

impl Default for CollectorArgs {
    fn default() -> Self {
        let roots = Roots::default();
        let roots = RootArgs {
            procfs: roots.procfs,
            sysfs: roots.sysfs,
            rootfs: roots.rootfs,
            udev: roots.udev_data,
        };
        Self { roots, flags: Vec::new() }
    }
}

/// A switch. There are so many that only `--help` tells them, not `-h`.
fn switch(name: &'static str, off: &'static str, help: String) -> [Arg; 2] {
    let base = |name: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help_heading(HEADING).hide_short_help(true)
    };
    [base(name).help(help).overrides_with(off), base(off).overrides_with(name).hide(true)]
}

impl Args for CollectorArgs {
    fn augment_args(command: Command) -> Command {
        let mut command = RootArgs::augment_args(command);
        for known in COLLECTORS {
            let default = if known.is_default { "on" } else { "off" };
            let help = format!("{default} without it; --{} switches it off", known.off);
            command = command.args(switch(known.on, known.off, help));
        }
        for flag in Options::flags() {
            let Some(value) = flag.value else {
                command = command.args(switch(flag.name, flag.off, flag.help.to_owned()));
                continue;
            };
            let action = if flag.is_list { ArgAction::Append } else { ArgAction::Set };
            command = command.arg(
                Arg::new(flag.name)
                    .long(flag.name)
                    .value_name(value)
                    .action(action)
                    .help(flag.help)
                    .help_heading(HEADING)
                    .hide_short_help(true),
            );
        }
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for CollectorArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let roots = RootArgs::from_arg_matches(matches)?;
        let switches = COLLECTORS.iter().flat_map(|known| [known.on, known.off]);
        let more = Options::flags().iter().filter(|flag| flag.value.is_none());
        let switches = switches.chain(more.flat_map(|flag| [flag.name, flag.off]));
        let mut flags: Vec<(&'static str, String)> =
            switches.filter(|name| matches.get_flag(name)).map(|name| (name, String::new())).collect();
        for flag in Options::flags().iter().filter(|flag| flag.value.is_some()) {
            let values = matches.get_many::<String>(flag.name).into_iter().flatten();
            flags.extend(values.map(|value| (flag.name, value.clone())));
        }
        let args = Self { roots, flags };
        // A mistake is told before anything starts, in the words of the command line.
        args.apply(&mut Options::default())
            .map_err(|problem| clap::Error::raw(clap::error::ErrorKind::ValueValidation, problem + "\n"))?;
        Ok(args)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
