import { describe, expect, it, vi } from 'vitest'
import { BoundedWait } from '../src/bounded-wait.js'
import { EBUSY, EINTR } from '../src/call-error.js'
import type { Native, PendingCall } from '../src/native.js'
import { nowNs } from '../src/now-ns.js'
import { KernelScheduler } from '../src/scheduler.js'
import { startTimer } from '../src/timer.js'

/** A call that ends when told. */
function pendingCall(): PendingCall & { end(result: number): void; cancelled: number } {
  let end: (result: number) => void
  const call = {
    result: new Promise<number>((resolve) => void (end = resolve)),
    cancelled: 0,
    cancel: () => void (call.cancelled += 1),
    end: (result: number) => end(result),
  }
  return call
}

describe('waiting for a call', () => {
  it('gives its result, bounded or not', async () => {
    for (const wait of [{}, { deadlineMs: 1000 }, { signal: new AbortController().signal }]) {
      const pending = pendingCall()
      const result = new BoundedWait(wait).for(pending, () => expect.unreachable())
      pending.end(7)
      expect(await result).toBe(7)
      expect(pending.cancelled).toBe(0)
    }
  })

  it('ends with EINTR when its signal aborts; what the call did in the end goes to late', async () => {
    const controller = new AbortController()
    const pending = pendingCall()
    const late: number[] = []
    const wait = new BoundedWait({ signal: controller.signal })
    const result = wait.for(pending, (value) => void late.push(value))
    controller.abort(new Error('enough'))
    await expect(result).rejects.toMatchObject({ code: 'EINTR', cause: { message: 'enough' } })
    expect(pending.cancelled).toBe(1)
    expect(late).toEqual([])
    pending.end(0)
    await pending.result
    await Promise.resolve()
    expect(late).toEqual([0])
  })

  it('ends at once with a signal that was aborted before', async () => {
    const pending = pendingCall()
    const wait = new BoundedWait({ signal: AbortSignal.abort() })
    expect(() => wait.check()).toThrow(/EINTR/)
    await expect(wait.for(pending, () => undefined)).rejects.toMatchObject({ code: 'EINTR' })
    expect(pending.cancelled).toBe(1)
  })

  it('ends with EBUSY when the call sleeps beyond the deadline', async () => {
    const pending = pendingCall()
    const start = nowNs()
    const result = new BoundedWait({ deadlineMs: 30 }).for(pending, () => undefined)
    await expect(result).rejects.toMatchObject({ code: 'EBUSY', retryable: true })
    expect(pending.cancelled).toBe(1)
    expect(nowNs() - start).toBeGreaterThan(30e6)
  })

  it('gives the module deadlines in slices, never beyond its own', () => {
    const own = new BoundedWait({ deadlineMs: 10 })
    expect(own.deadline()).toBeLessThanOrEqual(nowNs() + 10e6)
    const none = new BoundedWait({})
    expect(none.deadline()).toBeLessThanOrEqual(nowNs() + 600e6)
    expect(none.isOver).toBe(false)
  })

  it('repeats EBUSY and EINTR of the module until it is over', () => {
    expect(new BoundedWait({}).mayRepeat(-EBUSY)).toBe(true)
    expect(new BoundedWait({}).mayRepeat(-EINTR)).toBe(true)
    expect(new BoundedWait({}).mayRepeat(-14)).toBe(false)
    expect(new BoundedWait({ deadlineMs: 0 }).mayRepeat(-EBUSY)).toBe(false)
    const aborted = new BoundedWait({ signal: AbortSignal.abort() })
    expect(() => aborted.mayRepeat(-EBUSY)).toThrow(/EINTR/)
  })
})

describe('scheduler', () => {
  const setUp = (): { scheduler: KernelScheduler; held: () => number } => {
    let held = 0
    const native = {
      hold: () => {
        held += 1
        return () => void (held -= 1)
      },
    } as unknown as Native
    return { scheduler: new KernelScheduler(native), held: () => held }
  }

  it('keeps Node alive for a pending wait, until it is woken or the backend closes', async () => {
    const { scheduler, held } = setUp()
    const wait = scheduler.createWait('completion')
    scheduler.createWait('never woken')
    expect(held()).toBe(2)
    wait.wake()
    wait.wake()
    await wait.promise
    expect(held()).toBe(1)
    scheduler.close()
    expect(held()).toBe(0)
  })

  it('does not for a wait that only watches', () => {
    const { scheduler, held } = setUp()
    scheduler.createWait('release of process')
    expect(held()).toBe(0)
  })

  it('sleeps, and ends a sleep by its signal', async () => {
    const { scheduler } = setUp()
    const start = scheduler.now()
    await scheduler.sleep(5)
    expect(scheduler.now() - start).toBeGreaterThanOrEqual(5e6)
    await expect(scheduler.sleep(10_000, AbortSignal.timeout(5))).rejects.toMatchObject({
      code: 'EINTR',
    })
    await expect(scheduler.sleep(10_000, AbortSignal.abort())).rejects.toMatchObject({
      code: 'EINTR',
    })
  })

  // Node's timers count whole milliseconds from the start of one: a real clock shows it rarely.
  it('never wakes early, and not at once when that is beyond what a timer of Node can wait', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'hrtime'] })
    const { bigint } = process.hrtime
    let late = 0n
    const clock = vi.spyOn(process.hrtime, 'bigint').mockImplementation(() => bigint() - late)
    try {
      for (const ms of [5, 2 ** 31 + 10, 1e11]) {
        let over = false
        startTimer(ms, () => void (over = true))
        late += 900_000n
        vi.advanceTimersByTime(ms)
        expect([ms, over]).toEqual([ms, false])
        vi.advanceTimersByTime(1)
        expect([ms, over]).toEqual([ms, true])
      }
      let over = false
      const stop = startTimer(1, () => void (over = true))
      const never = startTimer(Infinity, () => void (over = true))
      stop()
      vi.advanceTimersByTime(2 ** 33)
      expect(over).toBe(false)
      never()
      expect(vi.getTimerCount()).toBe(0)
    } finally {
      clock.mockRestore()
      vi.useRealTimers()
    }
  })
})
