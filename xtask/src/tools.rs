//! What the browser tests need that no program of the system is: the axe rules, and nginx.
//! Fetched once into `target/tools`, by the registries' own clients; nothing of it lies in the repository, and nothing is installed.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::step::{Failure, Outcome, Step};

/// Accessibility rules that run in a page: the archive of this name, with this content.
const AXE_ARCHIVE: &str = "axe-core-4.14.1.tgz";
const AXE_PACKAGE: &str = "axe-core@4.14.1";
const AXE_INTEGRITY: &str = "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==";

/// Sees to it that all of it is there.
pub(crate) fn ensure() -> Outcome {
    tool("axe", AXE_ARCHIVE, fetch_axe)?;
    if Step::starts("nginx") {
        return Ok(());
    }
    tool("nginx", "usr/sbin/nginx", fetch_nginx)
}

/// From the npm registry, whose client compares what comes with the checksum that it was told; that one is compared with ours.
fn fetch_axe(folder: &Path) -> Outcome {
    let mut is_ours = false;
    let look = |line: &str| is_ours |= line.contains(AXE_INTEGRITY);
    Step::new("npm", &["pack", AXE_PACKAGE, "--json"])
        .within(folder)
        .run_reading(look)?;
    if !is_ours {
        let reason = format!("{AXE_PACKAGE} has another content than {AXE_INTEGRITY}");
        return Err(Failure::new(reason));
    }
    Step::new("tar", &["--extract", "--file", AXE_ARCHIVE])
        .within(folder)
        .run()
}

/// From Debian, unpacked and not installed: an installation may start a server on port 80.
fn fetch_nginx(folder: &Path) -> Outcome {
    Step::new("apt-get", &["--quiet", "download", "nginx"])
        .within(folder)
        .run()?;
    let unpack = "dpkg --extract nginx_*.deb .";
    Step::new("sh", &["-c", unpack]).within(folder).run()
}

/// Has a tool fetched unless its `mark` is there. It gets its name when it is whole.
fn tool(name: &str, mark: &str, fetch: fn(&Path) -> Outcome) -> Outcome {
    let folder = target().join("tools").join(name);
    if folder.join(mark).exists() {
        return Ok(());
    }
    let scratch = folder.with_extension("part");
    let io = |error: io::Error| Failure::new(format!("{}: {error}", scratch.display()));
    empty(&scratch).map_err(io)?;
    fetch(&scratch)?;
    empty(&folder)
        .and_then(|()| fs::rename(&scratch, &folder))
        .map_err(io)
}

/// Makes it an empty folder.
fn empty(folder: &Path) -> io::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)
}

/// The target folder, where cargo put this program: `target/debug/xtask`.
fn target() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let target = program.ancestors().nth(2);
    target.map_or_else(|| PathBuf::from("target"), Path::to_owned)
}
