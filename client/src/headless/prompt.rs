//! Passwords: from the environment, or typed at a terminal. Without a terminal nothing is ever asked.

use std::env;
use std::io::{self, IsTerminal};

use crate::exit::{Exit, Failure};
use crate::secrets::{MIN_PASSPHRASE_CHARS, Passphrase};

const PASSWORD: &str = "DIALTONE_PASSWORD";
const PASSPHRASE: &str = "DIALTONE_PASSPHRASE";

/// The passphrase of a keystore that is there.
pub(super) fn passphrase() -> Result<Passphrase, Failure> {
    match from_environment(PASSPHRASE).or_else(|| from_environment(PASSWORD)) {
        Some(given) => Ok(given),
        None => ask("Passphrase: "),
    }
}

/// The password and the passphrase of a new account. Typed, they are the same.
pub(super) fn new_password_and_passphrase() -> Result<(Passphrase, Passphrase), Failure> {
    let password = from_environment(PASSWORD);
    let passphrase = from_environment(PASSPHRASE);
    let (password, passphrase) = match (password, passphrase) {
        (Some(password), Some(passphrase)) => (password, passphrase),
        (Some(one), None) | (None, Some(one)) => (one.clone(), one),
        (None, None) => {
            let typed = ask("Choose a password: ")?;
            if ask("Once more: ")?.expose() != typed.expose() {
                return Err(Failure::new(
                    Exit::Usage,
                    "the two passwords are not the same",
                ));
            }
            (typed.clone(), typed)
        }
    };
    if !password.is_long_enough() || !passphrase.is_long_enough() {
        return Err(Failure::new(
            Exit::Usage,
            format_args!("a password has at least {MIN_PASSPHRASE_CHARS} characters"),
        ));
    }
    Ok((password, passphrase))
}

fn from_environment(name: &str) -> Option<Passphrase> {
    let given = env::var(name).ok()?;
    (!given.is_empty()).then(|| Passphrase::new(given))
}

fn ask(question: &str) -> Result<Passphrase, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::new(
            Exit::Usage,
            "there is no terminal to ask for the password at",
        )
        .or(format_args!("Set {PASSWORD} or {PASSPHRASE}.")));
    }
    rpassword::prompt_password(question)
        .map(Passphrase::new)
        .map_err(|error| {
            Failure::new(
                Exit::Failed,
                format_args!("cannot read the password: {error}"),
            )
        })
}
