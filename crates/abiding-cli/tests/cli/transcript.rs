//! A transcript: what was typed, what came of it, and the comparison with what comes of it now.
//!
//! In a block of `console` a line that begins with `$ ` is given to `sh`; below it stand the lines of
//! stdout, those of stderr behind `! `, and `[exit N]` unless N is 0. All commands of a file run in one
//! scratch directory, one after the other. Ids and cookies differ from run to run: runs of 8 or 24
//! hexadecimal digits are equal to each other, and so are runs of 60 and more letters of base64url.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

pub(crate) struct Transcript {
    path: PathBuf,
    scratch: PathBuf,
    variables: Vec<(String, String)>,
}

impl Transcript {
    /// The transcript at `path`, which begins at this crate.
    pub(crate) fn of(path: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let scratch = env::temp_dir().join(format!("abiding-cli-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&scratch);
        fs::create_dir_all(&scratch).unwrap();
        Self {
            path,
            scratch,
            variables: Vec::new(),
        }
    }

    /// Where its commands run.
    pub(crate) fn directory(&self) -> &Path {
        &self.scratch
    }

    /// Runs all of it.
    #[expect(clippy::disallowed_methods, reason = "the one setting of these tests")]
    pub(crate) fn check(&self) {
        let text = fs::read_to_string(&self.path).unwrap();
        let (mut told, mut expected) = (String::new(), String::new());
        let mut lines = text.lines().peekable();
        let (mut inside, mut wrong) = (false, Vec::new());
        while let Some(line) = lines.next() {
            told += &format!("{line}\n");
            match line {
                "```console" => inside = true,
                "```" => inside = false,
                _ => {}
            }
            let Some(mut command) = line
                .strip_prefix("$ ")
                .filter(|_| inside)
                .map(str::to_owned)
            else {
                continue;
            };
            while command.ends_with('\\') {
                let more = lines.next().unwrap();
                told += &format!("{more}\n");
                command.pop();
                command += more;
            }
            expected.clear();
            while let Some(line) = lines.next_if(|line| *line != "```" && !line.starts_with("$ ")) {
                expected += &format!("{line}\n");
            }
            let actual = self.run(&command);
            if alike(&actual, &expected) {
                told += &expected;
            } else {
                told += &actual;
                wrong.push(format!(
                    "$ {command}\n--- expected\n{expected}--- came\n{actual}"
                ));
            }
        }
        if wrong.is_empty() {
            return;
        }
        if env::var_os("ABIDING_BLESS").is_some() {
            fs::write(&self.path, told).unwrap();
            return;
        }
        let path = self.path.display();
        panic!(
            "{path} tells something else (ABIDING_BLESS=1 writes it anew):\n{}",
            wrong.join("\n")
        );
    }

    fn run(&self, command: &str) -> String {
        let program = Path::new(env!("CARGO_BIN_EXE_abiding"));
        let path = format!(
            "{}:/usr/local/bin:/usr/bin:/bin",
            program.parent().unwrap().display()
        );
        let output = Command::new("sh")
            .args(["-c", command])
            .current_dir(&self.scratch)
            .env_clear()
            .env("PATH", path)
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let mut told = String::from_utf8(output.stdout).unwrap();
        for line in String::from_utf8(output.stderr).unwrap().lines() {
            told += &format!("! {line}\n");
        }
        if !output.status.success() {
            told += &format!("[exit {}]\n", output.status.code().unwrap());
        }
        told.replace(&*self.scratch.to_string_lossy(), "/srv/shop")
    }
}

impl Drop for Transcript {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

/// Whether two answers say the same but for what is random.
fn alike(one: &str, other: &str) -> bool {
    tamed(one) == tamed(other)
}

/// The text with a word in the place of what is random.
fn tamed(text: &str) -> String {
    let mut out = String::new();
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    for run in text.split_inclusive(|letter: char| !is_letter(letter)) {
        let word = run.trim_end_matches(|letter: char| !is_letter(letter));
        let hex = word
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        match word.len() {
            8 if hex => out += "<key>",
            24 if hex => out += "<handle>",
            60.. => out += "<cookie>",
            _ => out += word,
        }
        out += &run[word.len()..];
    }
    // Blank lines at the end of a block are left out in files.
    out.trim_end().to_owned()
}

#[test]
fn what_is_random_is_alike_and_all_else_is_not() {
    assert!(alike("the key 0a1b2c3d is", "the key 99999999 is"));
    assert!(!alike("the key 0a1b2c3d is", "the key 0a1b2c3 is"));
    assert!(!alike("20 sessions", "21 sessions"));
}
