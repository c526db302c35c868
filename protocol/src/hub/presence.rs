//! Who is online.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::pending::{Step, Unexpected};
use super::rules;
use super::store::{Answer, Op};
use super::{Hub, RequestId};
use crate::ids::UserId;
use crate::limits;
use crate::wire::answer::PresenceAnswer;
use crate::wire::body::PresenceQuery;
use crate::wire::http::Response;

/// The users that presence was asked for, as they were asked for.
#[derive(Debug)]
pub(super) struct PresenceStep(Vec<String>);

impl Hub {
    /// `POST /presence`.
    pub(super) fn presence(&mut self, id: RequestId, body: &PresenceQuery) -> Result<(), Response> {
        if body.user_ids.len() > limits::MAX_PRESENCE_IDS {
            return Err(rules::invalid("too many user_ids"));
        }
        let asked = body.user_ids.iter().map(|user| user.trim());
        let asked: Vec<String> = asked
            .filter(|user| !user.is_empty())
            .map(String::from)
            .collect();
        let users = asked.iter().filter_map(|user| user.parse().ok()).collect();
        self.ask(
            id,
            Op::FindUsers { users },
            Step::Presence(PresenceStep(asked)),
        );
        Ok(())
    }

    pub(super) fn presence_stored(
        &self,
        step: PresenceStep,
        answer: Answer,
    ) -> Result<Option<Response>, Unexpected> {
        let Answer::Users(rows) = answer else {
            return Err(Unexpected);
        };
        let known: BTreeMap<UserId, bool> = rows
            .iter()
            .map(|row| (row.id, self.is_admin(row.id, row.is_admin)))
            .collect();
        let mut answer = PresenceAnswer {
            statuses: BTreeMap::new(),
            admins: BTreeMap::new(),
        };
        for text in step.0 {
            let user = text.parse::<UserId>().ok();
            if let Some(is_admin) = user.and_then(|user| known.get(&user)) {
                answer.admins.insert(text.to_string(), *is_admin);
            }
            let online = user.is_some_and(|user| self.connections.count_of(user) > 0);
            answer.statuses.insert(text, online);
        }
        Ok(Some(Response::json(200, &answer)))
    }
}
