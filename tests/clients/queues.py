"""rq's queues, redis-py's locks and a rate limiter: python3 queues.py PORT"""

import os
import sys
import threading
import time

import redis
from redis.exceptions import LockError, LockNotOwnedError
from rq import Queue, Retry, SimpleWorker

port = int(sys.argv[1])
db = redis.Redis(port=port)
checks = {"rq": 0, "lock": 0, "limiter": 0}


def check(part, name, actual, expected):
    if actual != expected:
        sys.exit(f"{part}: {name}: {actual!r} instead of {expected!r}")
    checks[part] += 1


def double(n):
    return n * 2


def fail():
    raise ValueError("as the test wants")


def run_rq():
    queue = Queue(connection=db)
    jobs = [queue.enqueue("queues.double", n) for n in range(50)]
    bad = queue.enqueue("queues.fail", retry=Retry(max=2))
    last = queue.enqueue("queues.double", 100, depends_on=jobs[-1])
    check("rq", "queued", len(queue), 51)
    SimpleWorker([queue], connection=db).work(burst=True, logging_level="ERROR")
    check("rq", "results", [job.return_value() for job in jobs], [n * 2 for n in range(50)])
    check("rq", "dependent", last.return_value(), 200)
    check("rq", "failed", bad.get_status(refresh=True).value, "failed")
    check("rq", "failed registry", queue.failed_job_registry.count, 1)
    queue.empty()
    check("rq", "empty", len(queue), 0)


def run_locks():
    lock = db.lock("resource", timeout=5)
    other = db.lock("resource", timeout=5, blocking=False)
    check("lock", "taken", lock.acquire(), True)
    check("lock", "held", other.acquire(), False)
    check("lock", "extended", lock.extend(10), True)
    check("lock", "ttl", 10 < db.ttl("resource") <= 15, True)
    check("lock", "reacquired", lock.reacquire(), True)
    lock.release()
    check("lock", "free", other.acquire(), True)
    db.set("resource", "stolen")
    try:
        other.release()
        check("lock", "release of another's", "ok", "error")
    except LockNotOwnedError:
        check("lock", "release of another's", 1, 1)
    db.delete("resource")
    counter = [0]

    def work():
        mine = redis.Redis(port=port)
        for _ in range(20):
            with mine.lock("counter", timeout=10, sleep=0.001):
                seen = counter[0]
                time.sleep(0.0005)
                counter[0] = seen + 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check("lock", "nobody was overtaken", counter[0], 80)


LIMITER = """
local key, capacity, rate, now, wanted = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local state = redis.call('hmget', key, 'tokens', 'at')
local tokens = tonumber(state[1]) or capacity
local at = tonumber(state[2]) or now
tokens = math.min(capacity, tokens + (now - at) * rate)
local allowed = tokens >= wanted
if allowed then tokens = tokens - wanted end
redis.call('hset', key, 'tokens', tokens, 'at', now)
redis.call('expire', key, math.ceil(capacity / rate) * 2)
return { allowed and 1 or 0, tostring(tokens), cjson.encode({ left = tokens, allowed = allowed }) }
"""


def run_limiter():
    limiter = db.register_script(LIMITER)
    take = lambda now, wanted=1: limiter(keys=["bucket"], args=[10, 2, now, wanted])
    granted = sum(take(1000)[0] for _ in range(15))
    check("limiter", "burst", granted, 10)
    check("limiter", "refilled", take(1001.25)[:2], [1, b"1.5"])
    check("limiter", "refused", take(1001.25, 5)[0], 0)
    check("limiter", "json", take(1001.25)[2] in (b'{"left":0.5,"allowed":true}', b'{"allowed":true,"left":0.5}'), True)
    db.script_flush()
    check("limiter", "loaded anew", take(1100)[0], 1)
    pipe = db.pipeline()
    for _ in range(3):
        limiter(keys=["other"], args=[2, 1, 5, 1], client=pipe)
    check("limiter", "pipeline", [reply[0] for reply in pipe.execute()], [1, 1, 0])


if __name__ == "__main__":
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    db.flushall()
    run_rq()
    run_locks()
    run_limiter()
    for part, count in checks.items():
        print(f"{part}: {count} checks passed")
