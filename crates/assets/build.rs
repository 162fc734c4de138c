//! Lists the built web UI and the content folder, for the crate to embed. Never runs npm, never touches the network.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

fn main() -> io::Result<()> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?)
        .join("../..")
        .canonicalize()?;
    let out = PathBuf::from(std::env::var("OUT_DIR").map_err(io::Error::other)?);
    println!("cargo:rerun-if-env-changed=WATCHFIRE_UI_REQUIRED");
    let mut code = String::new();
    ui(&root, &mut code)?;
    content(&root.join("content/dashboards"), "json", "DASHBOARDS", &mut code)?;
    content(&root.join("content/rules"), "yml", "RULES", &mut code)?;
    fs::write(out.join("assets.rs"), code)
}

fn ui(root: &Path, code: &mut String) -> io::Result<()> {
    let dist = root.join("ui/dist");
    // The parent is watched too, so that a first build of the UI is noticed.
    println!("cargo:rerun-if-changed={}", root.join("ui").join("dist").display());
    let built = dist.join("index.html").is_file();
    if !built {
        if std::env::var_os("WATCHFIRE_UI_REQUIRED").is_some() {
            return Err(io::Error::other("ui/dist/index.html is missing; run `make ui` first"));
        }
        println!(
            "cargo:warning=ui/dist is missing: the binary will serve a page that says how to build the web UI"
        );
    }
    let mut files: BTreeMap<String, PathBuf> = BTreeMap::new();
    if built {
        walk(&dist, &dist, &mut files)?;
    }
    writeln!(code, "pub(crate) static UI_FILES: &[File] = &[").map_err(io::Error::other)?;
    for (name, path) in &files {
        if name.ends_with(".br") || name.ends_with(".gz") || name.ends_with(".map") {
            continue;
        }
        let packed = |suffix: &str| {
            files.get(&format!("{name}{suffix}")).map_or_else(
                || "None".to_owned(),
                |packed| format!("Some(include_bytes!({:?}))", packed.display().to_string()),
            )
        };
        writeln!(
            code,
            "File {{ path: {name:?}, identity: include_bytes!({:?}), brotli: {}, gzip: {} }},",
            path.display().to_string(),
            packed(".br"),
            packed(".gz")
        )
        .map_err(io::Error::other)?;
    }
    code.push_str("];\n");
    Ok(())
}

fn content(folder: &Path, extension: &str, constant: &str, code: &mut String) -> io::Result<()> {
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.insert(name, path);
        }
    }
    writeln!(code, "pub(crate) static {constant}: &[Content] = &[").map_err(io::Error::other)?;
    for (name, path) in files {
        println!("cargo:rerun-if-changed={}", path.display());
        writeln!(code, "Content {{ name: {name:?}, text: include_str!({:?}) }},", path.display().to_string())
            .map_err(io::Error::other)?;
    }
    code.push_str("];\n");
    Ok(())
}

fn walk(root: &Path, folder: &Path, files: &mut BTreeMap<String, PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(root, &path, files)?;
        } else if let Ok(name) = path.strip_prefix(root) {
            files.insert(name.to_string_lossy().replace('\\', "/"), path.clone());
        }
    }
    Ok(())
}
