//! What is mounted, from mountinfo.

use crate::{CollectError, Roots};

/// A mounted file system.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Mount {
    /// What is mounted: a device, or a name the file system chose.
    pub(super) device: String,
    /// Where, seen from the host.
    pub(super) mount_point: String,
    /// Its type.
    pub(super) fs_type: String,
    /// Major and minor number of the device.
    pub(super) major: String,
    /// See `major`.
    pub(super) minor: String,
    /// Whether it is mounted read-only.
    pub(super) is_read_only: bool,
}

/// The mounts that the first process sees, or this one where that is not to be read.
pub(super) fn read(roots: &Roots) -> Result<Vec<Mount>, CollectError> {
    let source = match roots.proc("1/mountinfo") {
        Ok(source) => source,
        Err(_) => roots.proc("self/mountinfo")?,
    };
    let mut mounts = Vec::new();
    for (number, line) in source.lines() {
        let Some(mount) = parse(line) else {
            return Err(source.wrong(number, line, "a line of mountinfo"));
        };
        mounts.push(in_root(mount, roots));
    }
    Ok(mounts)
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue` (proc_pid_mountinfo(5)).
fn parse(line: &str) -> Option<Mount> {
    let (front, back) = line.split_once(" - ")?;
    let mut front = front.split(' ').skip(2);
    let (major, minor) = front.next()?.split_once(':')?;
    let (mount_point, options) = (front.nth(1)?, front.next()?);
    let mut back = back.split(' ');
    let (fs_type, device, super_options) = (back.next()?, back.next()?, back.next().unwrap_or_default());
    let is_read_only = options.split(',').chain(super_options.split(',')).any(|option| option == "ro");
    Some(Mount {
        device: unescape(device),
        mount_point: unescape(mount_point),
        fs_type: fs_type.to_owned(),
        major: major.to_owned(),
        minor: minor.to_owned(),
        is_read_only,
    })
}

/// Where the host's root is mounted elsewhere, its mounts are seen below it; they are told as the host sees them.
fn in_root(mut mount: Mount, roots: &Roots) -> Mount {
    let root = roots.rootfs.to_string_lossy();
    if let Some(rest) = mount.mount_point.strip_prefix(root.trim_end_matches('/'))
        && root != "/"
        && (rest.is_empty() || rest.starts_with('/'))
    {
        mount.mount_point = if rest.is_empty() { "/".to_owned() } else { rest.to_owned() };
    }
    mount
}

/// The kernel writes blanks, tabs, line breaks and backslashes as `\` and three octal digits.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let octal = (*first == b'\\').then(|| tail.get(..3)).flatten();
        let code = octal.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match code {
            Some(code) => {
                bytes.push(code);
                rest = tail.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;
