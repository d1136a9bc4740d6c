// A queue of BullMQ: every transition of a job is one of its scripts.
// node bullmq.mjs PORT
import { Queue, Worker, QueueEvents, FlowProducer } from 'bullmq';

const connection = { host: '127.0.0.1', port: Number(process.argv[2]), maxRetriesPerRequest: null };
let checks = 0;
function check(name, actual, expected) {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) {
    console.error(`bullmq: ${name}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`);
    process.exit(1);
  }
  checks += 1;
}

const queue = new Queue('work', { connection });
const events = new QueueEvents('work', { connection });
await events.waitUntilReady();
await queue.obliterate({ force: true });

const order = [];
let tries = 0;
await queue.addBulk(Array.from({ length: 200 }, (_, n) => ({ name: 'plain', data: { n } })));
check('waiting', await queue.getWaitingCount(), 200);
const worker = new Worker('work', async (job) => {
  if (job.name === 'flaky' && tries++ < 2) throw new Error('not yet');
  if (job.name === 'broken') throw new Error('never');
  if (job.name === 'ranked') order.push(job.data.n);
  await job.updateProgress(50);
  return { doubled: job.data.n * 2 };
}, { connection, concurrency: 10 });

const done = (job) => job.waitUntilFinished(events, 20000);
const late = await queue.add('late', { n: 7 }, { delay: 300 });
const flaky = await queue.add('flaky', { n: 8 }, { attempts: 5, backoff: { type: 'fixed', delay: 50 } });
check('delayed result', await done(late), { doubled: 14 });
check('retried result', await done(flaky), { doubled: 16 });
check('tries', tries, 3);
const broken = await queue.add('broken', { n: 9 }, { attempts: 2 });
check('failure', await done(broken).then(() => 'ok', (error) => error.message), 'never');
check('failed', await queue.getFailedCount(), 1);
check('completed', await queue.getCompletedCount(), 202);
await broken.retry();
check('failure again', await done(broken).then(() => 'ok', (error) => error.message), 'never');

await queue.pause();
for (const priority of [5, 1, 3]) await queue.add('ranked', { n: priority }, { priority });
check('prioritized', await queue.getPrioritizedCount(), 3);
worker.concurrency = 1;
await queue.resume();
while (order.length < 3) await new Promise((next) => setTimeout(next, 20));
check('order', order, [1, 3, 5]);

const twice = [await queue.add('plain', { n: 1 }, { jobId: 'once' }), await queue.add('plain', { n: 1 }, { jobId: 'once' })];
check('same job', twice[0].id, twice[1].id);
await done(twice[0]);

const flows = new FlowProducer({ connection });
const tree = await flows.add({
  name: 'parent', queueName: 'work', data: { n: 10 },
  children: [1, 2, 3].map((n) => ({ name: 'child', queueName: 'work', data: { n } })),
});
check('parent', await done(tree.job), { doubled: 20 });
check('children', Object.keys(await tree.job.getChildrenValues()).length, 3);
await queue.clean(0, 1000, 'completed');
check('cleaned', await queue.getCompletedCount(), 0);

await worker.close();
await events.close();
await flows.close();
await queue.obliterate({ force: true });
await queue.close();
console.log(`bullmq: ${checks} checks passed`);
process.exit(0);
