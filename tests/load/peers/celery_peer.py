"""The same job in Celery with psycopg: each event debits its wallet once, one transaction a message.

As a team would write it: a task, acknowledged late, in 8 processes with a connection each, on a quorum queue.
`python celery_peer.py publish N FIRST_ACCOUNT ACCOUNTS` publishes N events, `python celery_peer.py work` takes them.
"""

import os
import sys
import time
import uuid
from datetime import datetime, timezone

import psycopg
from celery import Celery

PROCESSES = 8
PREFETCH_OF_EACH = 4

INSERT = """
INSERT INTO ledger (event_id, account_id, service, credits_milli, messages, sent_at)
VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (event_id) DO NOTHING
"""
DEBIT = "UPDATE wallets SET balance_milli = balance_milli + %s WHERE account_id = %s AND service = %s"

app = Celery("celery_peer", broker=os.environ["PEER_AMQP_URL"])
app.conf.update(
    task_default_queue="celery-sms-sent",
    task_default_queue_type="quorum",
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=PREFETCH_OF_EACH,
    broker_transport_options={"confirm_publish": True},
)
connection: psycopg.Connection | None = None


def database() -> psycopg.Connection:
    """This process's connection."""
    global connection
    if connection is None:
        connection = psycopg.connect(os.environ["PEER_DATABASE_URL"])
    return connection


@app.task(name="sms_sent.debit")
def debit(event: dict) -> None:
    milli = -int(event["credits"] * 1000)
    with database().transaction(), database().cursor() as cursor:
        cursor.execute(
            INSERT,
            (event["event_id"], event["account_id"], event["service"], milli, event["messages"], event["sent_at"]),
        )
        if cursor.rowcount == 1:
            cursor.execute(DEBIT, (milli, event["account_id"], event["service"]))


def version_7() -> str:
    """An identifier that begins with its time, as the fleet's senders make them."""
    random = uuid.uuid4().int
    milliseconds = time.time_ns() // 1_000_000
    return str(uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | random & ((1 << 76) - 1) & ~(0b11 << 62) | 0b10 << 62))


def publish(count: int, first_account: int, accounts: int) -> None:
    for number in range(count):
        event = {
            "event_id": version_7(),
            "account_id": first_account + number * 2_654_435_761 % accounts,
            "service": "sms",
            "credits": 1,
            "messages": 1,
            "sent_at": datetime.now(timezone.utc).isoformat(),
        }
        debit.delay(event)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["publish", *numbers]:
            publish(*map(int, numbers))
        case ["work"]:
            app.worker_main(
                ["worker", "--pool=prefork", f"--concurrency={PROCESSES}", "--loglevel=WARNING"]
                + ["--without-gossip", "--without-mingle", "--without-heartbeat"]
            )
        case _:
            sys.exit(__doc__)
