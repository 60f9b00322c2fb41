// enqueue.js
// Usage: node enqueue.js CHATBOT STORE:PATH
const { randomUUID } = require("node:crypto");
const { setTimeout: sleep } = require("node:timers/promises");
const celery = require("celery-node");

const QUEUE = "facelift"; // as the workers' FACELIFT_KEY_PREFIX, if they have one
const url = process.env.FACELIFT_REDIS_URL || "redis://127.0.0.1:6379/0";
const client = celery.createClient(url, url, QUEUE);
const redis = client.broker.redis;

/** Resolves once Redis holds the message; enqueue again with the same id if it does not. */
async function enqueue(fields, id = randomUUID()) {
  await client.isReady();
  const { headers, properties, body } = client.asTaskV2(id, "facelift.enqueue", [], fields);
  await client.broker.publish(body, "", QUEUE, headers, properties);
  return id;
}

/** The job's record once it has ended; null if it has not by then. */
async function wait(id, seconds) {
  for (let left = seconds * 1000; left > 0; left -= 200) {
    const record = await redis.hgetall(`{${QUEUE}}:job:${id}`);
    if (record.finished_at) return record;
    await sleep(200);
  }
  return null;
}

async function main([chatbot_id, image]) {
  const id = await enqueue({ chatbot_id, image });
  const record = await wait(id, 60);
  console.log(id, record ? `${record.state} ${record.outcome}: ${record.message}` : "goes on");
}

main(process.argv.slice(2))
  .catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  })
  .finally(() => client.disconnect());
