import { equal, ok, rejects, throws } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'

export const description = `
Time and waiting belong to the backend: its clock goes on, waits end by signal (EINTR) and deadline
(ETIMEDOUT), locks are handed on in order, and nothing is lost when a waiter gives up.`

export const group = caseGroup('time/wait', [], {
  'clock-goes-on': async (t) => {
    const before = t.backend.clock.now()
    await t.backend.clock.sleep(5)
    ok(t.backend.clock.now() - before >= 5e6, 'a sleep of 5 ms takes 5 ms')
  },

  'sleep-aborted': async (t) => {
    const abort = new AbortController()
    const sleeping = rejects('EINTR', t.backend.clock.sleep(100_000, { signal: abort.signal }))
    abort.abort('enough')
    equal((await sleeping).cause, 'enough', 'the cause')
  },

  'aborted-before': needing(['mirror', 'dma.mirror'], async (t) => {
    const watch = await t.watch(await t.mmap(1))
    const abort = new AbortController()
    abort.abort()
    await rejects('EINTR', watch.map('read', watch.range, { signal: abort.signal }))
    equal(await watch.snapshot(), ['none'], 'nothing was faulted')
  }),

  'completion-wakes-all': async (t) => {
    const completion = t.device.sync.completion('done')
    const waiting = Promise.all([completion.wait(), completion.wait()])
    completion.complete()
    await waiting
    await completion.wait()
  },

  'completion-deadline': async (t) => {
    await rejects('ETIMEDOUT', t.device.sync.completion('never').wait({ deadlineMs: 5 }))
  },

  'completion-reset': async (t) => {
    const completion = t.device.sync.completion('again')
    completion.complete()
    completion.reset()
    await rejects('ETIMEDOUT', completion.wait({ deadlineMs: 1 }))
  },

  'mutex-in-order': async (t) => {
    const mutex = t.device.sync.mutex('lock')
    const order: number[] = []
    const enter = (index: number) => mutex.run(async () => void order.push(index))
    await mutex.lock()
    const waiting = Promise.all([enter(1), enter(2), enter(3)])
    mutex.unlock()
    await waiting
    equal(order, [1, 2, 3])
  },

  'mutex-waiter-gives-up': async (t) => {
    const mutex = t.device.sync.mutex('lock')
    await mutex.lock()
    await rejects('ETIMEDOUT', mutex.lock({ deadlineMs: 1 }))
    mutex.unlock()
    ok(mutex.tryLock(), 'it is free: nobody who gave up holds it')
    mutex.unlock()
    throws('EPERM', () => mutex.unlock(), 'unlocking what is not locked')
  },

  'work-queue-in-order': async (t) => {
    const queue = t.device.sync.workQueue('work')
    const order: number[] = []
    for (const index of [1, 2, 3]) queue.queue(async () => void order.push(index))
    await queue.flush()
    equal([order, queue.pending], [[1, 2, 3], 0])
  },

  'work-queue-failure': async (t) => {
    const queue = t.device.sync.workQueue('work')
    let after = false
    queue.queue(() => {
      throw new RangeError('of the work')
    })
    queue.queue(() => void (after = true))
    await rejects(RangeError, queue.flush())
    ok(after, 'the work behind it ran')
    await queue.flush()
  },
})
