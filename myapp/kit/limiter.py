"""Rate limits shared by all processes, counted in Redis; per process while Redis is away.

Usage::

    wait_s = await limiter.hit("10/minute", "sign-in", address)   # 0 when allowed
"""

import time

import structlog
from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)


class Limiter:
    """Counts hits per key in a sliding window."""

    def __init__(self, redis_url: str) -> None:
        self._pool = ConnectionPool.from_url(redis_url, socket_connect_timeout=1)
        storage = RedisStorage(
            f"async+{redis_url}",
            implementation="redispy",
            connection_pool=self._pool,  # ty: ignore[invalid-argument-type] (handed through)
        )
        self._shared = SlidingWindowCounterRateLimiter(storage)
        self._local = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def close(self) -> None:
        """Close the connections to Redis."""
        await self._pool.aclose()

    async def hit(self, rate: str, *key: str) -> float:
        """Count one hit; return 0 when it is allowed, else the seconds to wait."""
        item = parse(rate)
        try:
            return await _hit(self._shared, item, key)
        except (RedisError, OSError) as error:
            log.warning("limiter_local", reason=str(error))
            return await _hit(self._local, item, key)


async def _hit(
    limiter: SlidingWindowCounterRateLimiter, item: RateLimitItem, key: tuple[str, ...]
) -> float:
    if await limiter.hit(item, *key):
        return 0.0
    window = await limiter.get_window_stats(item, *key)
    return max(1.0, window.reset_time - time.time())
