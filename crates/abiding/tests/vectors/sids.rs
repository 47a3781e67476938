//! `sids.json`: session ids under `SESSION_USE_SIGNER`.

use abiding::compat::sid::SidSigner;

use crate::{
    broken,
    cookies::secret,
    folder::{File, Verdict, text},
};

#[test]
fn session_ids_are_signed_as_flask_session_signs_them() {
    File::open("sids.json").each("signed", |case| {
        let signer = SidSigner::new(&secret(&case["secret_key"]));
        let (sid, signed) = (text(case, "sid"), text(case, "signed"));
        assert_eq!(signer.sign(sid), signed);
        assert_eq!(signer.unsign(signed), Ok(sid));
        for broken in broken::all(signed.as_bytes()) {
            if let Ok(broken) = String::from_utf8(broken) {
                let read = signer.unsign(&broken);
                assert!(read.is_err() || read == Ok(sid), "{broken}");
            }
        }
        Verdict::Passed
    });
}

#[test]
fn session_ids_are_judged_as_flask_session_judges_them() {
    let file = File::open("sids.json");
    let signer = SidSigner::new(&secret(file.field("secret_key_for_checks")));
    file.each("checks", |case| {
        let read = signer.unsign(text(case, "cookie"));
        match case["result"].as_str() {
            Some(sid) => {
                assert_eq!(read, Ok(sid));
                Verdict::Passed
            }
            None => {
                assert!(read.is_err(), "{case}");
                Verdict::Refused
            }
        }
    });
}
