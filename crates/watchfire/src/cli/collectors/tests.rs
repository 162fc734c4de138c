use super::*;
use clap::Parser;

#[derive(Debug, Parser)]
struct Try {
    #[command(flatten)]
    collectors: CollectorArgs,
}

fn options(line: &str) -> Result<Options, String> {
    let parsed = Try::try_parse_from(format!("try {line}").split_ascii_whitespace());
    let args = parsed.map_err(|error| error.to_string())?.collectors;
    let mut options = Options::default();
    args.apply(&mut options)?;
    Ok(options)
}

#[test]
fn collectors_are_switched_by_node_exporters_flags() {
    let read = options("--no-collector.arp --collector.netdev.device-exclude=^lo$").unwrap();
    assert!(!read.runs("arp") && read.runs("cpu"));
    assert!(read.netdev_exclude.unwrap().is_match("lo"));
    let read = options("--collector.disable-defaults --collector.cpu --collector.textfile.directory a --collector.textfile.directory=b").unwrap();
    assert!(read.runs("cpu") && !read.runs("stat") && !read.runs("cpu_info"));
    assert_eq!(read.textfile_folders.len(), 2);
    // As everywhere, the last word counts.
    assert!(options("--no-collector.arp --collector.arp").unwrap().runs("arp"));
    assert!(!options("--no-collector.cpu.info").unwrap().runs("cpu_info"));
}

#[test]
fn a_wrong_flag_is_named() {
    let text = options("--collector.arq").unwrap_err();
    assert!(text.contains("--collector.arq") && text.contains("--collector.arp"), "{text}");
    let text = options("--collector.vmstat.fields=(").unwrap_err();
    assert!(text.contains("--collector.vmstat.fields: \"(\" is no regular expression"), "{text}");
}

#[test]
fn the_short_help_is_short() {
    use clap::CommandFactory;
    let mut command = Try::command();
    assert!(command.render_long_help().to_string().contains("--collector.netstat.fields"));
    assert!(!command.render_help().to_string().contains("--collector.netstat.fields"));
}
