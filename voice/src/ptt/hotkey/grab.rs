//! The requests by which a key is grabbed.

use x11rb::connection::{Connection, RequestConnection};
use x11rb::errors::{ConnectionError, ReplyError};
use x11rb::protocol::ErrorKind;
use x11rb::protocol::xkb::{
    self, BoolCtrl, ConnectionExt as _, EventType, MapPart, PerClientFlag, SelectEventsAux,
};
use x11rb::protocol::xproto::{ConnectionExt as _, GrabMode, ModMask, Window};
use x11rb::rust_connection::RustConnection;

use super::keyboard::Keyboard;
use crate::ptt::binding::{Binding, Held};

/// XKB's version that is asked for: the only one there is.
const XKB_VERSION: (u16, u16) = (1, 0);

/// The keysyms of NumLock and ScrollLock: which modifiers they are, if any, differs between keyboards.
const OTHER_LOCKS: [u32; 2] = [0xff7f, 0xff14];

/// The keysyms of Alt and Meta, left and right: Meta is what some keyboards call Alt.
const ALTS: [u32; 4] = [0xffe9, 0xffea, 0xffe7, 0xffe8];

/// The keysyms of Super, left and right.
const LOGOS: [u32; 2] = [0xffeb, 0xffec];

/// Why a key is not grabbed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum GrabError {
    /// The connection ended.
    Lost(String),
    /// The server refused a request.
    Refused(String),
    NoDetectableRepeat,
    NoSuchKey,
    Taken,
}

/// What has to be grabbed for a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Grab {
    codes: Vec<u8>,
    roots: Vec<Window>,
    states: Vec<u16>,
}

impl Grab {
    /// Looks for a key on the keyboard, to be grabbed on all screens.
    pub(super) fn find(server: &RustConnection, binding: Binding) -> Result<Self, GrabError> {
        let keyboard = read(server)?;
        let codes = keyboard.codes(binding.keysym());
        if codes.is_empty() {
            return Err(GrabError::NoSuchKey);
        }
        let states = states(&keyboard, binding.held()).ok_or(GrabError::NoSuchKey)?;
        let roots = server.setup().roots.iter().map(|screen| screen.root);
        let roots = roots.collect();
        Ok(Self {
            codes,
            roots,
            states,
        })
    }

    /// Grabs the key.
    pub(super) fn take(&self, server: &RustConnection) -> Result<(), GrabError> {
        // All requests go out before the first answer is waited for.
        let mut sent = Vec::new();
        for (root, code, state) in self.all() {
            let (state, mode) = (ModMask::from(state), GrabMode::ASYNC);
            sent.push(server.grab_key(false, root, state, code, mode, mode)?);
        }
        for request in sent {
            request.check()?;
        }
        Ok(())
    }

    /// Gives the key back. What fails with that shows at the next request.
    pub(super) fn release(&self, server: &RustConnection) {
        for (root, code, state) in self.all() {
            if let Ok(request) = server.ungrab_key(code, root, ModMask::from(state)) {
                request.ignore_error();
            }
        }
    }

    /// Whether a key is the grabbed one.
    pub(super) fn holds(&self, code: u8) -> bool {
        self.codes.contains(&code)
    }

    fn all(&self) -> impl Iterator<Item = (Window, u8, u16)> {
        self.roots.iter().flat_map(move |root| {
            self.codes
                .iter()
                .flat_map(move |code| self.states.iter().map(move |state| (*root, *code, *state)))
        })
    }
}

/// Has the server send a release only when a key is released, and tell when the keyboard becomes another.
pub(super) fn prepare(server: &RustConnection) -> Result<(), GrabError> {
    let known = server.extension_information(xkb::X11_EXTENSION_NAME)?;
    known.ok_or(GrabError::NoDetectableRepeat)?;
    let (major, minor) = XKB_VERSION;
    if !server.xkb_use_extension(major, minor)?.reply()?.supported {
        return Err(GrabError::NoDetectableRepeat);
    }
    let wanted = PerClientFlag::DETECTABLE_AUTO_REPEAT;
    let none = BoolCtrl::from(0u8);
    let keyboard = xkb::ID::USE_CORE_KBD.into();
    let flags = server
        .xkb_per_client_flags(keyboard, wanted, wanted, none, none, none)?
        .reply()?;
    if u32::from(flags.value) & u32::from(wanted) == 0 {
        return Err(GrabError::NoDetectableRepeat);
    }
    // Who speaks XKB is not told by the core protocol's event any more.
    let events = EventType::NEW_KEYBOARD_NOTIFY | EventType::MAP_NOTIFY;
    let parts = MapPart::KEY_SYMS | MapPart::MODIFIER_MAP;
    let details = SelectEventsAux::new();
    server
        .xkb_select_events(keyboard, 0u8.into(), events, parts, parts, &details)?
        .check()?;
    Ok(())
}

fn read(server: &RustConnection) -> Result<Keyboard, GrabError> {
    let (first, last) = (server.setup().min_keycode, server.setup().max_keycode);
    let keys = last.saturating_sub(first).saturating_add(1);
    let mapping = server.get_keyboard_mapping(first, keys)?;
    let modifiers = server.get_modifier_mapping()?.reply()?.keycodes;
    let mapping = mapping.reply()?;
    let per_key = mapping.keysyms_per_keycode;
    Ok(Keyboard::new(first, per_key, mapping.keysyms, modifiers))
}

/// The states of the modifiers in which the key counts: those of the binding, with each of the locks on or off.
/// `None` if the keyboard lacks a modifier.
fn states(keyboard: &Keyboard, held: Held) -> Option<Vec<u16>> {
    let (shift, lock, control) = (ModMask::SHIFT, ModMask::LOCK, ModMask::CONTROL);
    let mut wanted = 0;
    for (is_held, bits) in [
        (held.shift, u16::from(shift)),
        (held.ctrl, u16::from(control)),
        (held.alt, lowest(keyboard.modifiers(&ALTS))),
        (held.logo, lowest(keyboard.modifiers(&LOGOS))),
    ] {
        if is_held {
            if bits == 0 {
                return None;
            }
            wanted |= bits;
        }
    }
    let locks = OTHER_LOCKS.map(|keysym| lowest(keyboard.modifiers(&[keysym])));
    let mut states = vec![wanted];
    for lock in [u16::from(lock)].into_iter().chain(locks) {
        // A lock that is not there, or that is a modifier of the binding, makes no other state.
        let more: Vec<u16> = states
            .iter()
            .map(|state| state | lock)
            .filter(|state| !states.contains(state))
            .collect();
        states.extend(more);
    }
    Some(states)
}

/// The lowest bit: a keysym that several modifiers make is made by the first.
const fn lowest(bits: u16) -> u16 {
    bits & bits.wrapping_neg()
}

impl From<ConnectionError> for GrabError {
    fn from(error: ConnectionError) -> Self {
        Self::Lost(error.to_string())
    }
}

impl From<ReplyError> for GrabError {
    fn from(error: ReplyError) -> Self {
        match error {
            ReplyError::ConnectionError(error) => error.into(),
            // Of all requests here only a grab can be answered so (X11 protocol, `GrabKey`).
            ReplyError::X11Error(error) if error.error_kind == ErrorKind::Access => Self::Taken,
            ReplyError::X11Error(error) => Self::Refused(format!("{:?}", error.error_kind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUM_LOCK: u32 = OTHER_LOCKS[0];

    /// Mod1 is Alt and Mod2 NumLock; there is no Super.
    fn keyboard() -> Keyboard {
        let keysyms = vec![ALTS[0], NUM_LOCK, 0x76];
        Keyboard::new(8, 1, keysyms, vec![0, 0, 0, 8, 9, 0, 0, 0])
    }

    #[test]
    fn each_lock_may_be_on_or_off() {
        let held = Held {
            ctrl: true,
            ..Held::default()
        };
        let found = states(&keyboard(), held).unwrap();
        assert_eq!(found, [0b00100, 0b00110, 0b10100, 0b10110]);
    }

    #[test]
    fn a_modifier_that_the_keyboard_lacks_is_not_left_out() {
        let alt = Held {
            alt: true,
            ..Held::default()
        };
        let logo = Held {
            logo: true,
            ..Held::default()
        };
        assert_eq!(states(&keyboard(), alt).unwrap().first(), Some(&0b1000));
        assert_eq!(states(&keyboard(), logo), None);
    }
}
