//! What typed commands do.

use dialtone_protocol::client::{Access, History};
use dialtone_protocol::ids::{ChannelId, UserId};

use super::command::Command;
use super::overlay::{Choice, Chooser, Overlay, Purpose, Target};
use super::{Chat, lookup};
use crate::tui::msg::Effect;
use crate::tui::port::Request;
use crate::tui::snapshot::{Channel, Member, short};
use crate::tui::theme::Role;
use crate::tui::voice::Ask;

impl Chat {
    /// Runs a command and empties the draft, or says why not and leaves it.
    pub(super) fn run_command(&mut self, command: Command) -> Result<Vec<Effect>, String> {
        let draft_of = self.active;
        let effects = self.execute(command)?;
        // The command may have opened another channel: the draft is where it was typed.
        self.drafts.remove(&draft_of);
        self.notice = self
            .notice
            .take()
            .filter(|notice| notice.role != Role::Error);
        Ok(effects)
    }

    /// Does with one thing what a command or a chooser asked for.
    pub(super) fn fulfil(&mut self, purpose: Purpose, target: Target) -> Vec<Effect> {
        match (purpose, target) {
            (Purpose::Add(channel), Target::User(user)) => {
                vec![Effect::Ask(Request::AddToChannel { channel, user })]
            }
            (Purpose::Delete, Target::Channel(channel)) => self.confirm_delete(channel),
            (Purpose::Join, Target::Channel(channel)) => self.open(channel),
            (Purpose::Rename(name), Target::Channel(channel)) => {
                vec![Effect::Ask(Request::RenameChannel { channel, name })]
            }
            (Purpose::Revoke, Target::Invite(invite)) => {
                vec![Effect::Ask(Request::RevokeInvite(invite))]
            }
            (Purpose::Talk, Target::Channel(channel)) => self.talk(channel),
            (Purpose::Volume(percent), Target::User(user)) => {
                self.ask_voice(Ask::Volume(user, percent))
            }
            (Purpose::Vouch, Target::User(user)) => self.confirm_vouch(user),
            _ => Vec::new(),
        }
    }

    fn execute(&mut self, command: Command) -> Result<Vec<Effect>, String> {
        match command {
            Command::Help => self.overlay = Some(Overlay::Help { top: 0 }),
            Command::List => self.list_channels(),
            Command::Members => self.list_members(),
            Command::Quit => return Ok(vec![Effect::Ask(Request::Close)]),
            Command::Invite => {
                self.check_admin()?;
                self.notify("making an invite", Role::Faint);
                return Ok(vec![Effect::Ask(Request::CreateInvite)]);
            }
            Command::Invites => {
                self.check_admin()?;
                self.list_invites();
            }
            Command::Revoke(typed) => {
                self.check_admin()?;
                let found = lookup::invites(&self.invites, &typed);
                let choices = found.into_iter().map(lookup::invite_choice).collect();
                let nothing = "no open invite starts so: /server invites shows all";
                return self.choose("which invite?", choices, Purpose::Revoke, nothing);
            }
            Command::Create {
                name,
                private,
                from_now,
            } => {
                self.check_admin()?;
                return Ok(vec![Effect::Ask(Request::CreateChannel {
                    name,
                    access: if private {
                        Access::Private
                    } else {
                        Access::Open
                    },
                    history: if from_now {
                        History::FromJoin
                    } else {
                        History::All
                    },
                })]);
            }
            Command::Join(name) => return self.with_channel(&name, Purpose::Join),
            Command::Delete(name) => {
                self.check_admin()?;
                return self.with_channel(&name, Purpose::Delete);
            }
            Command::Rename(rest) => {
                self.check_admin()?;
                let (found, name) = lookup::rename(&self.channels, &rest);
                let choices = found.into_iter().map(lookup::channel_choice).collect();
                let nothing = format!("no channel is called as {rest} begins: /list shows all");
                return self.choose("which channel?", choices, Purpose::Rename(name), &nothing);
            }
            Command::Add(name) => {
                let channel = self.private_channel()?;
                return self.with_member(&name, false, Purpose::Add(channel));
            }
            Command::Voice(command) => return self.voice_command(command),
            Command::Vouch(name) => {
                self.check_admin()?;
                return self.with_member(&name, true, Purpose::Vouch);
            }
        }
        Ok(Vec::new())
    }

    pub(super) fn with_channel(
        &mut self,
        name: &str,
        purpose: Purpose,
    ) -> Result<Vec<Effect>, String> {
        let found = lookup::channels(&self.channels, name);
        let choices = found.into_iter().map(lookup::channel_choice).collect();
        let nothing = format!("no channel is called {name}: /list shows all");
        self.choose("which channel?", choices, purpose, &nothing)
    }

    pub(super) fn with_member(
        &mut self,
        name: &str,
        pending: bool,
        purpose: Purpose,
    ) -> Result<Vec<Effect>, String> {
        let found = lookup::members(&self.members, name, pending);
        let choices = found.into_iter().map(lookup::member_choice).collect();
        let nothing = if pending {
            format!("nobody who waits is called {name}: /members shows who does")
        } else {
            format!("no member is called {name}: /members shows all")
        };
        self.choose("which one?", choices, purpose, &nothing)
    }

    /// Goes on with the only thing that fits, or lets the user choose.
    fn choose(
        &mut self,
        title: &str,
        mut choices: Vec<Choice>,
        purpose: Purpose,
        nothing: &str,
    ) -> Result<Vec<Effect>, String> {
        if choices.len() > 1 {
            self.overlay = Some(Overlay::Chooser(Chooser {
                title: title.to_owned(),
                choices,
                marked: 0,
                purpose,
            }));
            return Ok(Vec::new());
        }
        let only = choices.pop().ok_or_else(|| nothing.to_owned())?;
        Ok(self.fulfil(purpose, only.target))
    }

    fn confirm_delete(&mut self, id: ChannelId) -> Vec<Effect> {
        let name = lookup::channel(&self.channels, id).map_or_else(|| short(&id), Channel::label);
        self.overlay = Some(Overlay::Confirm {
            question: vec![
                format!("Delete #{name} for everybody?"),
                "Its messages can then be read by nobody who does not have them yet.".to_owned(),
            ],
            request: Request::DeleteChannel(id),
        });
        Vec::new()
    }

    fn confirm_vouch(&mut self, user: UserId) -> Vec<Effect> {
        let newcomer = self
            .members
            .iter()
            .find(|member| member.user == user)
            .and_then(|member| member.pending.clone());
        let Some(newcomer) = newcomer else {
            return Vec::new();
        };
        let name = newcomer.says.unwrap_or_else(|| short(&user));
        self.overlay = Some(Overlay::Confirm {
            question: vec![
                format!("Let in somebody who says to be {name}?"),
                "Ask for the safety number by another way than this server. It has to be:"
                    .to_owned(),
                newcomer.safety_number,
            ],
            request: Request::Vouch(user),
        });
        Vec::new()
    }

    fn list_channels(&mut self) {
        let mut lines = vec![format!("{} channels:", self.channels.len())];
        for channel in &self.channels {
            let mut line = format!("#{}  {}", channel.label(), short(&channel.id));
            if channel.name.is_none() {
                line.push_str("  its name cannot be read yet: a member has to come online");
            }
            for mark in channel_marks(channel) {
                line.push_str("  ");
                line.push_str(mark);
            }
            lines.push(line);
        }
        self.thread_mut().add_note(lines.join("\n"), Role::Faint);
    }

    fn list_members(&mut self) {
        let (waiting, members): (Vec<&Member>, Vec<_>) = self
            .members
            .iter()
            .partition(|member| member.pending.is_some());
        let mut lines = vec![format!("{} members:", members.len())];
        lines.extend(members.into_iter().map(|member| {
            let role = if member.admin { "  admin" } else { "" };
            let online = if member.online { "online" } else { "offline" };
            let twin = if member.confusable {
                "  another name looks like this one"
            } else {
                ""
            };
            format!(
                "{}  {}  {online}{role}{twin}",
                member.label(),
                short(&member.user)
            )
        }));
        for member in waiting {
            let number = member
                .pending
                .as_ref()
                .map_or("", |newcomer| &newcomer.safety_number);
            lines.push(format!(
                "waits for a vouch: says {}  safety number {number}",
                member.label()
            ));
        }
        self.thread_mut().add_note(lines.join("\n"), Role::Faint);
    }

    fn list_invites(&mut self) {
        let head = if self.invites.is_empty() {
            "no invite is open"
        } else {
            "open invites:"
        };
        let mut lines = vec![head.to_owned()];
        lines.extend(self.invites.iter().map(|invite| {
            let until = self.clock.moment(invite.expires);
            let uses = match invite.uses_left {
                1 => String::new(),
                many => format!("  for {many} people"),
            };
            format!(
                "{}  by {}{uses}  until {until}",
                short(&invite.id),
                invite.by
            )
        }));
        self.thread_mut().add_note(lines.join("\n"), Role::Faint);
    }

    fn check_admin(&self) -> Result<(), String> {
        if self.profile.admin {
            Ok(())
        } else {
            Err("only an admin may do this: /members shows who is one".to_owned())
        }
    }

    fn private_channel(&self) -> Result<ChannelId, String> {
        match self.channel() {
            Some(channel) if channel.access == Access::Private => Ok(channel.id),
            Some(_) => Err("everybody is in this channel: go to a private one first".to_owned()),
            None => Err("no channel is open: go to a private one first".to_owned()),
        }
    }
}

/// What a reader of a channel has to know about it.
pub(super) fn channel_marks(channel: &Channel) -> impl Iterator<Item = &'static str> {
    [
        (channel.original, "unverified"),
        (channel.access == Access::Private, "private"),
        (channel.confusable, "look-alike"),
    ]
    .into_iter()
    .filter_map(|(is_so, mark)| is_so.then_some(mark))
}
