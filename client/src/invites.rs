//! Finding the invite that somebody means.

use dialtone_protocol::ids::EntryHash;
use dialtone_protocol::wire::link::{Link, LinkKind};

/// The fewest digits that name an invite: fewer could be a slip.
const MIN_DIGITS: usize = 4;

/// A link as it was before it was copied from several rows of a screen.
pub(crate) fn in_one_row(link: &str) -> String {
    link.chars().filter(|next| !next.is_whitespace()).collect()
}

/// The invites that are meant by a text: the one of this link, or those whose id starts so.
pub(crate) fn meant(all: impl Iterator<Item = EntryHash>, typed: &str) -> Vec<EntryHash> {
    let typed = in_one_row(typed);
    let start = match Link::parse(&typed).map(|link| link.kind) {
        Ok(LinkKind::Open { hash, .. }) => hash.to_string(),
        // The links of the host are not of the log.
        Ok(_) => return Vec::new(),
        Err(_) => typed.to_lowercase(),
    };
    if start.len() < MIN_DIGITS {
        return Vec::new();
    }
    all.filter(|id| id.to_string().starts_with(&start))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invite_is_meant_by_its_link_or_by_the_start_of_its_id() {
        let all = [EntryHash([0x11; 32]), EntryHash([0x12; 32])];
        let found = |typed: &str| meant(all.into_iter(), typed);
        assert_eq!(found("1212"), [all[1]]);
        assert_eq!(found(&all[0].to_string().to_uppercase()), [all[0]]);
        assert_eq!(found("121"), []);
        assert_eq!(found("abcd"), []);
        let link = format!("https://a.example/invite/tok#{}.{}", "A".repeat(22), all[0]);
        assert_eq!(found(&link), [all[0]]);
        let (front, back) = link.split_at(40);
        assert_eq!(found(&format!("{front}\r\n  {back}\n")), [all[0]]);
        assert_eq!(found("https://a.example/invite/1111"), []);
    }
}
