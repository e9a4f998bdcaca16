import assert from "node:assert/strict";
import { test } from "node:test";
import { FragmentQueue } from "../../../web/ui/src/live/queue.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

test("fragments leave as one buffer in their order", () => {
  const queue = new FragmentQueue();
  queue.push(bytes(1, 2), true);
  queue.push(bytes(3), false);
  const taken = queue.takeAll();
  assert.deepEqual([...(taken?.bytes ?? [])], [1, 2, 3]);
  assert.equal(taken?.count, 2);
  assert.equal(queue.takeAll(), null);
});

test("an overflow drops everything up to the next keyframe", () => {
  const queue = new FragmentQueue(4);
  queue.push(bytes(1, 2, 3), true);
  assert.equal(queue.push(bytes(4, 5), false), false);
  assert.equal(queue.push(bytes(6), false), false);
  assert.equal(queue.push(bytes(7), true), true);
  assert.equal(queue.push(bytes(8), false), true);
  assert.deepEqual([...(queue.takeAll()?.bytes ?? [])], [7, 8]);
});

test("a keyframe that overflows the queue starts it afresh", () => {
  const queue = new FragmentQueue(4);
  queue.push(bytes(1, 2, 3), true);
  assert.equal(queue.push(bytes(4, 5), true), true);
  assert.deepEqual([...(queue.takeAll()?.bytes ?? [])], [4, 5]);
});

test("a fragment larger than the whole queue is never kept", () => {
  const queue = new FragmentQueue(2);
  assert.equal(queue.push(bytes(1, 2, 3), true), false);
  assert.equal(queue.takeAll(), null);
});
