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
