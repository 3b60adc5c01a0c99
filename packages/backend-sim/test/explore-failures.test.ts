import { readFile } from 'node:fs/promises'
import type { Device, DmaAddress } from '@hmm-sdk/hmm-api'
import { expect, test } from 'vitest'
import {
  explore,
  type Exploration,
  type ExploreOptions,
  type Scenario,
  type World,
} from '../src/explore/index.js'

/** Explores with a device that is closed at the end. */
async function withDevice(
  scenario: (device: Device, world: World) => Promise<void>,
  options: ExploreOptions = {},
): Promise<Exploration> {
  return explore(async (world) => {
    const device = await world.backend.openDevice('demo')
    await scenario(device, world)
    await device.close()
  }, options)
}

/** Two writers that read, wait and write. */
const lostUpdate: Scenario = async ({ race, point }) => {
  let count = 0
  const add = async (): Promise<void> => {
    const before = count
    await point('between')
    count = before + 1
  }
  await race({ a: add, b: add, idle: () => undefined })
  expect(count).toBe(2)
}

test('an assertion that fails: shortest schedule, racing pair, its own error', async () => {
  const { failure } = await explore(lostUpdate)
  expect(failure?.kind).toBe('assertion')
  expect(failure?.error).toMatchObject({ name: 'AssertionError' })
  expect(failure?.switches).toEqual([{ from: 'a', point: 'between', n: 1, to: 'b' }])
  expect(failure?.rows.filter(({ racing }) => racing).map(({ strand }) => strand)).toEqual([
    'b',
    'a',
  ])
  expect(failure?.table).toMatch(/\* between/)
})

test('an actor that throws fails the schedule', async () => {
  const { failure } = await explore(async ({ race, point }) => {
    let ready = false
    await race({
      setup: async () => {
        await point('before')
        ready = true
      },
      user: () => {
        if (!ready) throw new Error('not ready')
      },
    })
  })
  expect(failure).toMatchObject({ kind: 'assertion', message: "actor 'user' failed: not ready" })
})

test('locks taken in both orders are found without the deadlock, with both call sites', async () => {
  const { failure } = await withDevice(async (device, { race }) => {
    const [first, second] = [device.sync.mutex('first'), device.sync.mutex('second')]
    await race({
      a: () => first.run(() => second.run(() => undefined)),
      b: () => second.run(() => first.run(() => undefined)),
    })
  })
  expect(failure?.kind).toBe('lock-order')
  expect(failure?.message).toContain("mutex 'second' before 'first' in b")
  expect(failure?.message.match(/explore-failures\.test\.ts:\d+/g)).toHaveLength(2)
})

test('a mutex that is never given back is a deadlock of those who wait for it', async () => {
  const { failure } = await withDevice(async (device, { race }) => {
    const mutex = device.sync.mutex('ring')
    await race({ a: () => mutex.lock(), b: () => mutex.lock() })
  })
  expect(failure?.kind).toBe('deadlock')
  expect(failure?.message).toContain('waits for mutex ring')
})

test('a completion that is reset after it came is a lost wake-up', async () => {
  const { failure, schedules } = await withDevice(async (device, { race }) => {
    const done = device.sync.completion('transfer')
    await race({
      device: () => done.complete(),
      driver: async () => {
        done.reset()
        await done.wait()
      },
    })
  })
  expect(failure?.kind).toBe('lost-wakeup')
  expect(failure?.message).toContain('completion transfer, which was completed before its reset')
  expect(schedules).toBeGreaterThan(0)
})

test('a completion that nobody is left to complete is a lost wake-up', async () => {
  const { failure } = await withDevice(async (device, { race, point }) => {
    const done = device.sync.completion('transfer')
    let wanted = false
    await race({
      driver: async () => {
        await point('before')
        wanted = true
        await done.wait()
      },
      device: () => {
        if (wanted) done.complete()
      },
    })
  })
  expect(failure).toMatchObject({ kind: 'lost-wakeup' })
  expect(failure?.message).toContain("actor 'driver' waits for completion transfer")
})

test('polling without end is a livelock', async () => {
  const { failure } = await explore(
    async ({ race, point }) => {
      const flags = [false, false]
      const wait = (own: number) => async () => {
        while (!flags[1 - own]) await point('poll')
        flags[own] = true
      }
      await race({ a: wait(0), b: wait(1) })
    },
    { maxSteps: 3000 },
  )
  expect(failure).toMatchObject({ kind: 'livelock' })
  expect(failure?.message).toContain('poll')
})

test('polling that ends once the other runs is none', async () => {
  const { failure } = await explore(
    async ({ race, point }) => {
      let flag = false
      await race({
        waiter: async () => {
          while (!flag) await point('poll')
        },
        setter: async () => {
          await point('before')
          flag = true
        },
      })
    },
    { budget: { schedules: 300 } },
  )
  expect(failure).toBeUndefined()
})

test('a report of the DMA checker is a failure', async () => {
  const { failure } = await withDevice(async (device, { race }) => {
    const buffer = await device.dma.allocBuffer({ bytes: 4096 })
    const mapping = device.dma.map(buffer, { direction: 'to-device' })
    await race({
      device: () => device.engine.read(mapping.dmaAddress(0), 16).catch(() => undefined),
      driver: () => mapping.unmap(),
    })
    await buffer.close()
  })
  expect(failure?.kind).toBe('checker')
  expect(failure?.message).toContain('use-after-unmap')
})

test('a callback that throws is a failure of the checker', async () => {
  const { failure } = await withDevice(async (device, { backend, race }) => {
    const space = await backend.createAddressSpace()
    const buffer = await space.mmap({ pages: 1 })
    const invalidate = (): void => {
      throw new Error('no')
    }
    const mirror = await device.mirror(space, buffer, { invalidate })
    await race({ cpu: () => space.munmap(buffer) })
    await mirror.close()
    await space.close()
  })
  expect(failure).toMatchObject({ kind: 'checker' })
  expect(failure?.message).toContain('invalidate-callback: no')
})

test.each(['inside', 'deferred'] as const)(
  'a device that uses a page after the driver was told (%s) is a stale access',
  async (invalidate) => {
    const run = (drops: boolean) =>
      withDevice(
        async (device, { backend, race }) => {
          const space = await backend.createAddressSpace()
          const buffer = await space.mmap({ pages: 1 })
          const table = new Map<number, bigint>()
          const mirror = await device.mirror(space, buffer, {
            invalidate: () => {
              if (drops) table.clear()
            },
          })
          await mirror.map(buffer, { access: 'write' }, (mapping) => {
            table.set(0, mapping.dmaAddress(0))
          })
          await race({
            device: async () => {
              const address = table.get(0)
              if (address === undefined) return
              // Under way when the page goes: the device gets its fault, and that is right.
              await device.engine.read(address as never, 8).catch(() => undefined)
            },
            cpu: () => space.munmap(buffer),
          })
          await mirror.close()
          await space.close()
        },
        { simulation: { invalidate }, budget: { schedules: 400 } },
      )
    expect((await run(false)).failure).toMatchObject({ kind: 'stale-access' })
    expect((await run(true)).failure).toBeUndefined()
  },
)

test('what the scenario leaves open is a leak, also below a device that it closes', async () => {
  const open = await explore(async ({ backend }) => {
    await backend.createAddressSpace({ name: 'forgotten' })
  })
  expect(open.failure).toMatchObject({ kind: 'leak' })
  expect(open.failure?.message).toContain("address-space 'forgotten'")
  const below = await withDevice(async (device, { backend }) => {
    const space = await backend.createAddressSpace()
    const buffer = await space.mmap({ pages: 1 })
    await device.mirror(space, buffer, { invalidate: () => undefined, name: 'ring' })
    await space.close()
  })
  expect(below.failure).toMatchObject({ kind: 'leak' })
  expect(below.failure?.message).toContain("mirror 'ring'")
})

test('a timer of its own is an uncontrolled wait, named', async () => {
  const timers: ReturnType<typeof setTimeout>[] = []
  const { failure, mode } = await explore(async ({ race, point }) => {
    await race({
      sleeper: () => new Promise((resolve) => timers.push(setTimeout(resolve, 60_000))),
      other: () => point('p'),
    })
  })
  for (const timer of timers) clearTimeout(timer)
  expect(mode).toBe('exact')
  expect(failure).toMatchObject({ kind: 'uncontrolled-wait' })
  expect(failure?.message).toContain(
    "actor 'sleeper' waits for what no schedule controls (Timeout)",
  )
})

test('input of its own is an uncontrolled wait, even if it comes', async () => {
  const { failure } = await explore(async ({ race, point }) => {
    await race({
      reader: async () => {
        await readFile(import.meta.filename)
      },
      other: () => point('p'),
    })
  })
  expect(failure).toMatchObject({ kind: 'uncontrolled-wait' })
  expect(failure?.message).toContain("actor 'reader' waits for what no schedule controls")
})

test('a device that uses its own memory after the page went back is a stale access', async () => {
  const run = (drops: boolean) =>
    withDevice(async (device, { backend, race }) => {
      const space = await backend.createAddressSpace()
      const buffer = await space.mmap({ pages: 1 })
      await space.write(buffer.start, new Uint8Array([1]))
      let address: DmaAddress | undefined
      const mirror = await device.mirror(space, buffer, {
        invalidate: () => {
          if (drops) address = undefined
        },
      })
      await device.memory.migrate(mirror, buffer, { to: 'device' })
      await mirror.map(buffer, { access: 'read' }, (mapping) => {
        expect(mapping.isDevice(0)).toBe(true)
        address = mapping.dmaAddress(0)
      })
      await race({
        device: async () => {
          if (address !== undefined) await device.engine.read(address, 1).catch(() => undefined)
        },
        cpu: () => space.read(buffer.start, 1),
      })
      await mirror.close()
      await space.close()
    })
  expect((await run(false)).failure).toMatchObject({ kind: 'stale-access' })
  expect((await run(true)).failure).toBeUndefined()
})

test('a scenario that depends on something else is nondeterministic, and says where', async () => {
  let runs = 0
  const { failure } = await explore(async ({ race, point }) => {
    const odd = runs++ % 2 === 1
    await race({ a: () => point(odd ? 'odd' : 'even'), b: () => point('p') })
  })
  expect(failure).toMatchObject({ kind: 'nondeterminism' })
  expect(failure?.message).toMatch(/step \d+\n {2}first: a at even\n {2}then: a at odd/)
})
