//! A visitor without a browser: links, the forms that are on the page, cookies and redirects, over plain HTTP.
//!
//! Every request goes to the next process, as it would behind something that deals them out; to the visitor
//! they are one site.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use abiding_demo_e2e::Demo;

/// Somebody who looks at one page after the other.
pub(crate) struct Visitor<'a> {
    processes: [&'a Demo; 2],
    cookies: BTreeMap<String, String>,
    pub(crate) path: String,
    pub(crate) page: String,
    requests: usize,
}

impl<'a> Visitor<'a> {
    pub(crate) fn new(processes: [&'a Demo; 2]) -> Self {
        Self {
            processes,
            cookies: BTreeMap::new(),
            path: String::new(),
            page: String::new(),
            requests: 0,
        }
    }

    pub(crate) fn go(&mut self, path: &str) {
        self.request("GET", path, None);
    }

    /// Follows a link, or sends the form that a button belongs to, with these answers in its fields.
    pub(crate) fn press(&mut self, testid: &str, answers: &[(&str, &str)]) {
        let button = self.tag(testid);
        if let Some(target) = attribute(button, "href") {
            return self.go(&target);
        }
        let at = self.at(testid);
        let begin = self.page[..at]
            .rfind("<form")
            .expect("a button stands in a form");
        let form = &self.page[begin..];
        let form = &form[..form.find("</form>").expect("a form ends")];
        assert!(begin + form.len() > at, "{testid} stands in no form");
        let mut fields = fields(form);
        for (name, value) in answers {
            assert!(
                form.contains(&format!("name=\"{name}\"")),
                "the form of {testid} has no field {name}"
            );
            fields.insert((*name).to_owned(), (*value).to_owned());
        }
        if let Some(name) = attribute(button, "name") {
            fields.insert(name, attribute(button, "value").unwrap_or_default());
        }
        let encode =
            |(name, value): (&String, &String)| format!("{}={}", encoded(name), encoded(value));
        let body = fields.iter().map(encode).collect::<Vec<_>>().join("&");
        let action = attribute(tag_at(&self.page, begin), "action");
        let action = action.unwrap_or_else(|| self.path.clone());
        self.request("POST", &action, Some(&body));
    }

    pub(crate) fn has(&self, testid: &str) -> bool {
        self.page.contains(&mark(testid))
    }

    /// The text of an element, up to its first child.
    pub(crate) fn text(&self, testid: &str) -> String {
        let rest = &self.page[self.at(testid)..];
        let text = rest
            .split('>')
            .nth(1)
            .and_then(|text| text.split('<').next());
        unescaped(text.unwrap_or_default().trim())
    }

    /// What a field of the page holds.
    pub(crate) fn held(&self, name: &str) -> String {
        fields(&self.page).remove(name).unwrap_or_default()
    }

    /// The tag with an attribute of an element.
    pub(crate) fn attribute(&self, testid: &str, name: &str) -> Option<String> {
        attribute(self.tag(testid), name)
    }

    pub(crate) fn cookies(&self) -> BTreeMap<String, String> {
        self.cookies.clone()
    }

    /// Somebody else's copy of cookies.
    pub(crate) fn take(&mut self, cookies: BTreeMap<String, String>) {
        self.cookies = cookies;
    }

    fn at(&self, testid: &str) -> usize {
        let at = self.page.find(&mark(testid));
        at.unwrap_or_else(|| panic!("{} has no {testid}:\n{}", self.path, self.page))
    }

    fn tag(&self, testid: &str) -> &str {
        let at = self.at(testid);
        tag_at(&self.page, self.page[..at].rfind('<').unwrap_or(at))
    }

    fn request(&mut self, method: &str, path: &str, body: Option<&str>) {
        let (status, head, page) = self.exchange(method, path, body);
        for line in head.lines() {
            let Some((name, value)) = line.split_once(": ") else {
                continue;
            };
            if name.eq_ignore_ascii_case("set-cookie") {
                self.keep(value);
            }
        }
        if let 302 | 303 = status {
            let location = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("location")
                    .then(|| value.to_owned())
            });
            return self.request("GET", &location.expect("a redirect leads somewhere"), None);
        }
        // What does not do is told on the page, with the form.
        assert!(
            matches!(status, 200 | 409 | 422),
            "{method} {path}: {status}\n{page}"
        );
        path.clone_into(&mut self.path);
        self.page = page;
    }

    fn exchange(&mut self, method: &str, path: &str, body: Option<&str>) -> (u16, String, String) {
        let origin = self.processes[self.requests % 2].url("");
        self.requests += 1;
        let address = origin.trim_start_matches("http://").to_owned();
        let mut stream = TcpStream::connect(&address).expect("the demo listens");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a socket has a timeout");
        let cookies = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        let body = body.unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\norigin: {origin}\r\n\
             cookie: {cookies}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream
            .write_all(request.as_bytes())
            .expect("the demo listens");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .expect("the demo answers in text");
        let (head, page) = answer.split_once("\r\n\r\n").expect("an answer has a head");
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        (
            status.expect("an answer has a status"),
            head.to_owned(),
            page.to_owned(),
        )
    }

    fn keep(&mut self, set_cookie: &str) {
        let pair = set_cookie.split(';').next().unwrap_or_default();
        let (name, value) = pair.split_once('=').expect("a cookie has a name");
        if value.is_empty() {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

fn mark(testid: &str) -> String {
    format!("data-testid=\"{testid}\"")
}

fn tag_at(page: &str, at: usize) -> &str {
    let tag = &page[at..];
    &tag[..tag.find('>').unwrap_or(tag.len())]
}

/// What the fields of a piece of a page hold: hidden ones, texts, choices that are made.
fn fields(page: &str) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    for (at, _) in page.match_indices("<input") {
        let tag = tag_at(page, at);
        let is_choice = matches!(
            attribute(tag, "type").as_deref(),
            Some("checkbox" | "radio")
        );
        if is_choice && !tag.contains(" checked") {
            continue;
        }
        if let Some(name) = attribute(tag, "name") {
            fields.insert(name, attribute(tag, "value").unwrap_or_default());
        }
    }
    for (at, _) in page.match_indices("<textarea") {
        let (tag, rest) = (tag_at(page, at), &page[at..]);
        let text = rest.split_once('>').map(|(_, text)| text);
        let text = text.and_then(|text| text.split("</textarea>").next());
        if let Some(name) = attribute(tag, "name") {
            let text = text.unwrap_or_default();
            fields.insert(name, unescaped(text.strip_prefix('\n').unwrap_or(text)));
        }
    }
    for (at, _) in page.match_indices("<select") {
        let (tag, rest) = (tag_at(page, at), &page[at..]);
        let options = rest.split("</select>").next().unwrap_or_default();
        let chosen = options
            .match_indices("<option")
            .map(|(at, _)| tag_at(options, at))
            .find(|option| option.contains(" selected"));
        if let Some(name) = attribute(tag, "name") {
            let value = chosen.and_then(|option| attribute(option, "value"));
            fields.insert(name, value.unwrap_or_default());
        }
    }
    fields
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    Some(unescaped(rest.split('"').next()?))
}

fn unescaped(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">");
    text.replace("&quot;", "\"").replace("&amp;", "&")
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Longer than anything a store does.
const PATIENCE: Duration = Duration::from_secs(60);
