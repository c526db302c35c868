//! What can happen to the screen, and what it wants done.

use super::editor::Edit;
use super::port::{Request, Update};

/// Something that happened: a key, a size, a tick, news of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Msg {
    /// The account tells something.
    Account(Update),
    /// A key of the chat.
    Chat(ChatMsg),
    /// A key of the first screen.
    Form(FormMsg),
    /// The help was asked for.
    Help,
    /// The key that interrupts a program.
    Interrupt,
    /// A key of whatever covers the screen.
    Overlay(OverlayMsg),
    /// Leave.
    Quit,
    /// The screen has this many columns and rows.
    Resize(u16, u16),
    /// The key to talk is held from now on, or not any more.
    Talk(bool),
    /// A second passed.
    Tick,
}

/// A key of the chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChatMsg {
    /// Copy the newest invite link.
    CopyLink,
    /// Close or dismiss something.
    Dismiss,
    /// Change the draft.
    Edit(Edit),
    /// Mark the channel below.
    MarkNext,
    /// Mark the channel above.
    MarkPrevious,
    /// Scroll the messages.
    Scroll(Scroll),
    /// Send the draft, or go to the marked channel.
    Submit,
    /// Show or hide the sidebar.
    ToggleSidebar,
}

/// A move through something long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scroll {
    /// Most of a screen up.
    PageUp,
    /// Most of a screen down.
    PageDown,
    /// To the end.
    Bottom,
}

/// A key of the first screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormMsg {
    /// Close the list, or stop what is running.
    Cancel,
    /// Change the text of the field.
    Edit(Edit),
    /// The next field, or the next account of the list.
    Next,
    /// The field before, or the account before.
    Previous,
    /// Show the accounts on this machine.
    ShowAccounts,
    /// Do it.
    Submit,
    /// Go from unlocking to joining, or back.
    SwitchMode,
}

/// A key of whatever covers the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverlayMsg {
    /// Yes, or this one.
    Accept,
    /// No.
    Cancel,
    /// A letter.
    Char(char),
    /// Copy what is shown.
    Copy,
    /// The next one, or further down.
    Down,
    /// Far down.
    PageDown,
    /// Far up.
    PageUp,
    /// The one before, or further up.
    Up,
}

/// What the screen wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The account has to do something.
    Ask(Request),
    /// The terminal has to put this on the clipboard.
    Copy(String),
    /// The program ends.
    Exit,
}
