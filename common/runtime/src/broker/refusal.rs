//! The broker's refusal to declare what stands there already with other arguments, in plain words.

use super::connect::BrokerError;

/// Something stands on the broker otherwise than it has to, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TopologyError(pub(crate) String);

/// AMQP's reply code for what stands with other arguments.
const PRECONDITION_FAILED: u16 = 406;

pub(super) fn plainly<T>(result: Result<T, BrokerError>) -> Result<T, BrokerError> {
    let Err(error) = result else { return result };
    if let BrokerError::Failed { source, .. } = &error
        && let lapin::ErrorKind::ProtocolError(protocol) = source.kind()
        && protocol.get_id() == PRECONDITION_FAILED
    {
        return Err(TopologyError(explain(protocol.get_message().as_str())).into());
    }
    Err(error)
}

/// `… inequivalent arg 'x-message-ttl' for queue 'delay.v1.00' in vhost '/': received '1000' but current is '2000'`
/// → which one, which option, what to do.
fn explain(reply: &str) -> String {
    let quoted = |after: &str| {
        let rest = reply.split_once(after)?.1;
        Some(rest.split_once('\'')?.1.split_once('\'')?.0)
    };
    let (Some(option), Some(needed), Some(is)) = (quoted("inequivalent arg"), needed(reply), current(reply))
    else {
        return format!("the broker refused to declare what is needed: {reply}");
    };
    let (kind, name) = match (quoted("for queue"), quoted("for exchange")) {
        (Some(queue), _) => ("queue", queue),
        (None, Some(exchange)) => ("exchange", exchange),
        (None, None) => ("something", "unnamed"),
    };
    format!(
        "{kind} {name} stands with {option} {is}, and {needed} is needed: somebody or another version declared it. \
         Move its messages elsewhere (a shovel does), delete it, and run `fleetctl topology apply`"
    )
}

/// `received '1000'`, `received the value '1000' of type 'signedint'`, `received none`.
fn needed(reply: &str) -> Option<String> {
    value_after(reply, "received ")
}

fn current(reply: &str) -> Option<String> {
    value_after(reply, "current is ")
}

fn value_after(reply: &str, words: &str) -> Option<String> {
    let rest = reply.split_once(words)?.1;
    let rest = rest.strip_prefix("the value ").unwrap_or(rest);
    match rest.strip_prefix('\'') {
        Some(quoted) => Some(format!("'{}'", quoted.split_once('\'')?.0)),
        None => Some(rest.split([' ', ',']).next()?.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::explain;

    #[test]
    fn the_brokers_refusal_is_told_in_plain_words() {
        for (reply, line) in [
            (
                "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'delay.v1.00' in vhost '/': received the value '1000' of type 'signedint' but current is the value '2000' of type 'signedint'",
                "queue delay.v1.00 stands with x-message-ttl '2000', and '1000' is needed: somebody or another version declared it. Move its messages elsewhere (a shovel does), delete it, and run `fleetctl topology apply`",
            ),
            (
                "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'sms-sent' in vhost 'v': received the value 'quorum' of type 'longstr' but current is none",
                "queue sms-sent stands with x-queue-type none, and 'quorum' is needed: somebody or another version declared it. Move its messages elsewhere (a shovel does), delete it, and run `fleetctl topology apply`",
            ),
            (
                "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'topup' in vhost '/': received 'topic' but current is 'direct'",
                "exchange topup stands with type 'direct', and 'topic' is needed: somebody or another version declared it. Move its messages elsewhere (a shovel does), delete it, and run `fleetctl topology apply`",
            ),
            (
                "PRECONDITION_FAILED - no idea",
                "the broker refused to declare what is needed: PRECONDITION_FAILED - no idea",
            ),
        ] {
            assert_eq!(explain(reply), line);
        }
    }
}
