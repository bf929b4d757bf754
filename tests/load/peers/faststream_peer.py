"""The same job in FastStream with asyncpg: each event debits its wallet once, one transaction a message.

As a team would write it: a handler, a pool of 16 connections, as many messages in hand as its connections can be
busy with, acknowledged after the commit.
"""

import os
import uuid
from datetime import datetime
from decimal import Decimal

import asyncpg
from faststream import AckPolicy, FastStream
from faststream.rabbit import Channel, RabbitBroker, RabbitQueue
from pydantic import BaseModel

CONNECTIONS = 16
PREFETCH = 64

INSERT = """
INSERT INTO ledger (event_id, account_id, service, credits_milli, messages, sent_at)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (event_id) DO NOTHING
"""
DEBIT = "UPDATE wallets SET balance_milli = balance_milli + $3 WHERE account_id = $1 AND service = $2"

broker = RabbitBroker(os.environ["PEER_AMQP_URL"], default_channel=Channel(prefetch_count=PREFETCH), logger=None)
app = FastStream(broker, logger=None)
pool: asyncpg.Pool


class SmsSent(BaseModel):
    event_id: uuid.UUID
    account_id: int
    service: str = "sms"
    credits: Decimal
    messages: int = 1
    sent_at: datetime


@app.on_startup
async def connect() -> None:
    global pool
    pool = await asyncpg.create_pool(os.environ["PEER_DATABASE_URL"], min_size=CONNECTIONS, max_size=CONNECTIONS)


@broker.subscriber(RabbitQueue("sms-sent", declare=False), ack_policy=AckPolicy.NACK_ON_ERROR)
async def debit(event: SmsSent) -> None:
    milli = -int(event.credits * 1000)
    async with pool.acquire() as connection, connection.transaction():
        inserted = await connection.execute(
            INSERT, event.event_id, event.account_id, event.service, milli, event.messages, event.sent_at
        )
        if inserted == "INSERT 0 1":
            await connection.execute(DEBIT, event.account_id, event.service, milli)


if __name__ == "__main__":
    import asyncio

    asyncio.run(app.run())
