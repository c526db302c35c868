//! The keys of groups.

use super::{Step, present_channel};
use crate::ids::{Commitment, Epoch, GroupId};
use crate::sigchain::effect::Effect;
use crate::sigchain::error::Invalid;
use crate::sigchain::payload::{Access, History};
use crate::sigchain::state::{EpochRecord, Span, State};

/// Opens a group's next epoch; one that is still open ends with it (spec 4.40 to 4.43).
pub(super) fn rotate(
    state: &mut State,
    step: &mut Step,
    group: GroupId,
    epoch: Epoch,
    commitment: Commitment,
    previous: Option<&[u8]>,
) -> Result<(), Invalid> {
    let (everybody, history) = match group {
        GroupId::Open => (true, History::All),
        GroupId::Channel(id) => {
            let channel = present_channel(state, id)?;
            if channel.group(id) != group {
                return Err(Invalid::UnknownGroup);
            }
            if !channel.has(step.user) {
                return Err(Invalid::NotInGroup);
            }
            (channel.access == Access::Open, channel.history)
        }
    };
    let known = state.groups.get(&group).ok_or(Invalid::UnknownGroup)?;
    // Epochs are dense, so their number is that of the next. It would take 2^32 entries to leave the range.
    let expected = Epoch(u32::try_from(known.epochs.len()).unwrap_or(u32::MAX));
    if epoch != expected {
        return Err(Invalid::WrongEpoch {
            got: epoch,
            expected,
        });
    }
    if previous.is_some() && (history == History::FromJoin || epoch == Epoch(0)) {
        return Err(Invalid::PreviousNotAllowed);
    }
    state.close_epoch(group, step.index, &mut step.effects);
    if let Some(known) = state.groups.get_mut(&group) {
        known.epochs.push(EpochRecord {
            commitment,
            previous: previous.map(Into::into),
            author: step.author,
            span: Span::starting(step.index),
        });
    }
    if everybody {
        state.everybody.insert(group);
    }
    step.effects.push(Effect::EpochOpened { group, epoch });
    Ok(())
}
