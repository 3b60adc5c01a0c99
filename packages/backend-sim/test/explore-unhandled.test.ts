import { explore, replay, type Scenario } from '@hmm-sdk/backend-sim/explore'
import { afterEach, describe, expect, it, vi } from 'vitest'

// Exploring takes its time where others work too.
vi.setConfig({ testTimeout: 120_000 })

/** An error of a call that nobody waits for, if the process unmaps before it. */
function forgetful(heard: 'never' | 'late'): Scenario {
  return async ({ backend, race, point }) => {
    const space = await backend.createAddressSpace()
    const buffer = await space.mmap({ pages: 1 })
    await race({
      driver: async () => {
        await point('begin')
        const written = space.write(buffer.start, Uint8Array.of(1))
        for (let i = 0; i < 3; i++) await point('work')
        if (heard === 'late') await written.catch(() => undefined)
      },
      process: () => space.munmap(buffer),
    })
    await space.close()
  }
}

describe('promises that are rejected and nobody hears of', () => {
  const listeners = process.listeners('unhandledRejection')
  afterEach(() => {
    expect(process.listeners('unhandledRejection')).toEqual(listeners)
  })

  it('fail the schedule that they are of, with a token', async () => {
    const { failure } = await explore(forgetful('never'))
    expect(failure?.kind).toBe('unhandled')
    expect(failure!.message).toContain('a promise was rejected, and nobody heard of it: EFAULT')
    expect(failure!.error).toMatchObject({ code: 'EFAULT' })
    expect(failure!.switches.length).toBeLessThanOrEqual(2)
    expect(failure!.table).toContain('space.munmap')
    for (let i = 0; i < 20; i++) {
      expect((await replay(failure!.token, forgetful('never')))?.kind).toBe('unhandled')
    }
  })

  it('are the same with equal options', async () => {
    // Shrinking ends by the clock.
    const run = () => explore(forgetful('never'), { shrink: false })
    const [first, second] = [await run(), await run()]
    expect(second.failure?.token).toBe(first.failure?.token)
    expect(second.schedules).toBe(first.schedules)
  })

  it('do not count if somebody hears of them before the schedule ends', async () => {
    const { failure, reason } = await explore(forgetful('late'), { budget: { schedules: 300 } })
    expect(failure?.message).toBeUndefined()
    expect(['complete', 'budget']).toContain(reason)
  })

  it('count in the schedule without a choice, and in one that fails already', async () => {
    const alone: Scenario = async ({ race }) => {
      await race({ a: () => void Promise.reject(new Error('alone')) })
    }
    expect((await explore(alone)).failure?.message).toContain('nobody heard of it: alone')
    const both: Scenario = async ({ race }) => {
      await race({ a: () => void Promise.reject(new Error('alone')) })
      throw new Error('the scenario')
    }
    const { failure } = await explore(both)
    expect(failure).toMatchObject({ kind: 'assertion' })
    expect(failure!.message).toContain('the scenario')
  })

  it('are known to be of one of several explorations at once, and of none of the others', async () => {
    const clean: Scenario = async ({ race, point }) => {
      await race({ a: () => point('p'), b: () => point('p') })
    }
    const [first, second, third, missed] = await Promise.all([
      explore(clean),
      explore(forgetful('never'), { shrink: false }),
      explore(clean),
      explore(forgetful('late'), { budget: { schedules: 100 } }),
    ])
    expect(second.failure?.kind).toBe('unhandled')
    const alone = await explore(forgetful('never'), { shrink: false })
    expect(second.failure?.token).toBe(alone.failure?.token)
    for (const { failure } of [first, third, missed]) expect(failure?.message).toBeUndefined()
    expect([first.schedules, first.reason]).toEqual([third.schedules, 'complete'])
    const replayed = await Promise.all([
      replay(alone.failure!.token, forgetful('never')),
      replay(alone.failure!.token, forgetful('late')).catch((error: Error) => error.message),
    ])
    expect(replayed[0]?.kind).toBe('unhandled')
    expect(replayed[1] === undefined || typeof replayed[1] === 'string').toBe(true)
  })

  it('of one that fails to begin hold up nobody', async () => {
    const wrong = explore(forgetful('never'), { budget: { schedules: -1 } })
    await expect(wrong).rejects.toThrow(TypeError)
    const { reason } = await explore(async ({ race, point }) => {
      await race({ a: () => point('p') })
    })
    expect(reason).toBe('complete')
  })

  it('of somebody else go to whoever listened before', async () => {
    const others = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    const heard: unknown[] = []
    const listener = (reason: unknown): void => void heard.push(reason)
    process.on('unhandledRejection', listener)
    try {
      const error = new Error('of somebody else')
      const exploring = explore(async ({ race, point }) => {
        await race({ a: () => point('p'), b: () => point('p') })
      })
      void Promise.reject(error)
      expect((await exploring).failure).toBeUndefined()
      await new Promise(setImmediate)
      expect(heard).toEqual([error])
      expect(process.listeners('unhandledRejection')).toEqual([listener])
    } finally {
      process.removeAllListeners('unhandledRejection')
      for (const other of others) process.on('unhandledRejection', other)
    }
  })
})
