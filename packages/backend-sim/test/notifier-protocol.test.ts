import { expect, test } from 'vitest'
import { IntervalNotifier } from '../src/mmu-notifier/interval-notifier.js'
import type { NotifierRange } from '../src/mmu-notifier/notifier-range.js'
import { NotifierSubscriptions } from '../src/mmu-notifier/subscriptions.js'
import { Deadline } from '../src/sim/deadline.js'
import { runOperation } from '../src/sim/operation.js'
import { Scheduler } from '../src/sim/scheduler.js'

const range = (start: number, end: number, blockable = true): NotifierRange => ({
  kind: 'clear',
  start,
  end,
  owner: undefined,
  blockable,
})

function watcher(first: number, last: number, log: string[] = [], answer: boolean | 'two' = true) {
  const notifier: IntervalNotifier = new IntervalNotifier(first, last, {
    invalidate: (event, sequence) => {
      notifier.setSequence(sequence)
      log.push(`${first} ${event.start}`)
      return answer === 'two' ? () => void log.push(`${first} finish`) : answer
    },
  })
  return notifier
}

const begin = (all: NotifierSubscriptions, one: IntervalNotifier, deadlineMs?: number) =>
  runOperation(all.readBegin(one, new Deadline(new Scheduler(), { deadlineMs })), () => {})

/** Whether `promise` is still open after everything that can run has run. */
async function pending(promise: Promise<unknown>): Promise<boolean> {
  let open = true
  void promise.finally(() => (open = false))
  await new Promise((resolve) => setImmediate(resolve))
  return open
}

test('a reader that begins before an invalidation retries, one that begins after does not', async () => {
  const all = new NotifierSubscriptions()
  const one = watcher(0, 9)
  all.insert(one)
  const sequence = await begin(all, one)
  expect(one.readRetry(sequence)).toBe(false)
  all.start(range(5, 6))
  expect(one.readRetry(sequence)).toBe(true)
  all.end()
  expect(one.readRetry(await begin(all, one))).toBe(false)
})

test('read_begin waits for the end of an invalidation of this range, not of others', async () => {
  const all = new NotifierSubscriptions()
  const [one, other] = [watcher(0, 9), watcher(20, 29)]
  all.insert(one)
  all.insert(other)
  all.start(range(5, 6))
  const reading = begin(all, one)
  expect(await pending(reading)).toBe(true)
  expect(await pending(begin(all, other))).toBe(false)
  all.end()
  expect(one.readRetry(await reading)).toBe(false)
})

test('nested invalidations: readers wait for the last end', async () => {
  const all = new NotifierSubscriptions()
  const one = watcher(0, 9)
  all.insert(one)
  all.start(range(0, 1))
  all.start(range(50, 51))
  all.end()
  const reading = begin(all, one)
  expect(await pending(reading)).toBe(true)
  all.end()
  await reading
})

test('an insertion during an invalidation is put off, and its first read waits', async () => {
  const all = new NotifierSubscriptions()
  all.insert(watcher(0, 9))
  all.start(range(0, 1))
  const log: string[] = []
  const late = watcher(0, 9, log)
  all.insert(late)
  all.start(range(0, 1))
  expect(log).toEqual([])
  const reading = begin(all, late)
  expect(await pending(reading)).toBe(true)
  all.end()
  all.end()
  expect(late.readRetry(await reading)).toBe(false)
  all.start(range(0, 1))
  all.end()
  expect(log).toEqual(['0 0'])
})

test('an insertion during an invalidation that met nobody counts as part of it', async () => {
  const all = new NotifierSubscriptions()
  all.start(range(0, 1))
  const late = watcher(0, 9)
  all.insert(late)
  const reading = begin(all, late)
  expect(await pending(reading)).toBe(true)
  all.end()
  await reading
})

test('a removal waits for the invalidation, one of a deferred insertion does not', async () => {
  const all = new NotifierSubscriptions()
  const one = watcher(0, 9)
  all.insert(one)
  all.start(range(0, 1))
  const late = watcher(0, 9)
  all.insert(late)
  expect(await pending(runOperation(all.remove(late), () => {}))).toBe(false)
  const removing = runOperation(all.remove(one), () => {})
  expect(await pending(removing)).toBe(true)
  all.end()
  await removing
  expect(all.size).toBe(0)
})

test('second passes run after all first passes, in order', () => {
  const all = new NotifierSubscriptions()
  const log: string[] = []
  all.insert(watcher(0, 9, log, 'two'))
  all.insert(watcher(5, 9, log, 'two'))
  all.start(range(5, 6))
  all.end()
  expect(log).toEqual(['0 5', '5 5', '0 finish', '5 finish'])
})

test('who cannot wait says so only where that is allowed', async () => {
  const all = new NotifierSubscriptions()
  const one = watcher(0, 9, [], false)
  all.insert(one)
  expect(all.start(range(0, 1, false))).toBe(false)
  expect(all.start(range(0, 1))).toBe(true)
  all.end()
  await begin(all, one)
})

test('who comes after one that cannot wait is not asked, and may read on', async () => {
  const all = new NotifierSubscriptions()
  const log: string[] = []
  const [before, unwilling, after] = [
    watcher(0, 9, log, 'two'),
    watcher(10, 19, log, false),
    watcher(20, 29, log),
  ]
  for (const each of [before, unwilling, after]) all.insert(each)
  const sequence = await begin(all, after)
  expect(all.start(range(0, 30, false))).toBe(false)
  expect(log).toEqual(['0 0', '10 0', '0 finish'])
  expect(after.readRetry(sequence)).toBe(false)
  expect(all.start(range(0, 30))).toBe(true)
  all.end()
  expect(log.slice(3)).toEqual(['0 0', '10 0', '20 0', '0 finish'])
})

test('a deadline ends the wait of a reader', async () => {
  const all = new NotifierSubscriptions()
  const one = watcher(0, 9)
  all.insert(one)
  all.start(range(0, 1))
  await begin(all, one, 5)
  expect(all.blocks(one)).toBe(true)
})
