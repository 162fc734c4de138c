//! The files that travel inside the binary: the built web UI, dashboards and rules.
//!
//! Flows in: `ui/dist` and `content/` at build time. Flows out: bytes by name. It promises that a build without the web
//! UI still works and serves a page that says how to build it. It never reads a file at run time, so no path made from
//! a URL can reach the disk.

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// A file of the web UI.
#[derive(Debug)]
pub struct File {
    /// Its path below the site's root, such as `assets/index-3f.js`.
    pub path: &'static str,
    /// Its bytes.
    pub identity: &'static [u8],
    /// Its bytes compressed with brotli, where that was worth it.
    pub brotli: Option<&'static [u8]>,
    /// Its bytes compressed with gzip, where that was worth it.
    pub gzip: Option<&'static [u8]>,
}

/// A file of the content folder.
#[derive(Debug)]
pub struct Content {
    /// Its file name, such as `host.json`.
    pub name: &'static str,
    /// What it says.
    pub text: &'static str,
}

static STUB: File =
    File { path: "index.html", identity: include_bytes!("stub.html"), brotli: None, gzip: None };

/// A file of the web UI by its path.
pub fn ui_file(path: &str) -> Option<&'static File> {
    UI_FILES.binary_search_by(|file| file.path.cmp(path)).ok().and_then(|index| UI_FILES.get(index))
}

/// The page every route of the web UI starts from, or, where the UI was not built, one that says how.
pub fn index_page() -> &'static File {
    ui_file("index.html").unwrap_or(&STUB)
}

/// Whether the web UI was built before the binary.
pub fn has_ui() -> bool {
    !UI_FILES.is_empty()
}

/// The built-in dashboards, in Grafana's JSON.
pub fn dashboards() -> &'static [Content] {
    DASHBOARDS
}

/// The built-in rule files, in Prometheus's format.
pub fn rules() -> &'static [Content] {
    RULES
}

/// The Python module by which a training tells how it goes.
pub fn python_helper() -> &'static str {
    include_str!("../../../content/python/watchfire.py")
}

/// The media type a file's name stands for.
pub fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" | "webmanifest" => "application/json",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_page_is_there_with_or_without_a_built_ui() {
        assert!(index_page().identity.starts_with(b"<!doctype html>"));
        assert!(ui_file("../Cargo.toml").is_none());
    }
}
