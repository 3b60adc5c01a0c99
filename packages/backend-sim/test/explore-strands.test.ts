import { defineDevice, type Device } from '@hmm-sdk/hmm-api'
import { expect, test } from 'vitest'
import { explore, type ExploreOptions, type World } from '../src/explore/index.js'

/** All orders in which `scenario` logs, over all its schedules. */
async function logs(
  scenario: (log: (text: string) => void, device: Device, world: World) => Promise<void>,
  options: ExploreOptions = {},
): Promise<{ readonly seen: readonly string[]; readonly mode: string }> {
  const seen = new Set<string>()
  const result = await explore(async (world) => {
    const device = await world.backend.openDevice('demo')
    const order: string[] = []
    await scenario((text) => order.push(text), device, world)
    await device.close()
    seen.add(order.join(' '))
  }, options)
  expect(result.failure?.message).toBeUndefined()
  expect(result.reason).toBe('complete')
  return { seen: [...seen].toSorted(), mode: result.mode }
}

test('two calls that one actor has going at once are two strands', async () => {
  const { seen, mode } = await logs(async (log, _, { race, point }) => {
    const step = async (name: string): Promise<void> => {
      await point('p')
      log(name)
    }
    await race({ a: () => Promise.all([step('1'), step('2')]), b: () => step('3') })
  })
  expect(mode).toBe('batched')
  expect(seen).toEqual(['1 2 3', '1 3 2', '2 1 3', '2 3 1', '3 1 2', '3 2 1'])
})

test('calls of the API that run at once get all their orders', async () => {
  const { seen } = await logs(async (log, _, { backend, race }) => {
    const space = await backend.createAddressSpace()
    const [one, two] = [await space.mmap({ pages: 1 }), await space.mmap({ pages: 1 })]
    const unmap = async (name: string, range: typeof one): Promise<void> => {
      await space.munmap(range)
      log(name)
    }
    await race({ a: () => Promise.all([unmap('1', one), unmap('2', two)]) })
    await space.close()
  })
  expect(seen).toEqual(['1 2', '2 1'])
})

test('a wake-up is no order: the woken goes on when it is chosen', async () => {
  const { seen } = await logs(async (log, device, { race, point }) => {
    const done = device.sync.completion('done')
    await race({
      waiter: async () => {
        await done.wait()
        log('woken')
      },
      waker: async () => {
        done.complete()
        await point('p')
        log('after')
      },
    })
  })
  expect(seen).toEqual(['after woken', 'woken after'])
})

test('work of a queue runs by itself, one after the other', async () => {
  const { seen } = await logs(async (log, device, { race, point }) => {
    const queue = device.sync.workQueue('irq')
    await race({
      driver: async () => {
        queue.queue(() => log('1'))
        queue.queue(() => log('2'))
        await point('p')
        log('queued')
      },
    })
    await queue.flush()
    expect(queue.pending).toBe(0)
  })
  expect(seen).toEqual(['1 2 queued', '1 queued 2', 'queued 1 2'])
})

test('a failure of queued work comes with the flush', async () => {
  const { failure } = await explore(async ({ backend, race }) => {
    const device = await backend.openDevice('demo')
    const queue = device.sync.workQueue('irq')
    await race({
      driver: async () => {
        queue.queue(() => {
          throw new Error('work failed')
        })
        await queue.flush()
      },
    })
    await device.close()
  })
  expect(failure).toMatchObject({
    kind: 'assertion',
    message: "actor 'driver' failed: work failed",
  })
})

test('sleeps take virtual time only, and the earlier one ends first', async () => {
  const { seen } = await logs(async (log, device, { race }) => {
    const sleep = (ms: number) => async () => {
      await device.clock.sleep(ms)
      log(String(ms))
    }
    await race({ long: sleep(60_000), short: sleep(1000) })
    expect(device.clock.now()).toBeGreaterThanOrEqual(60e9)
  })
  expect(seen).toEqual(['1000 60000'])
})

test('a deadline ends a wait for what nobody does', async () => {
  const { seen } = await logs(async (log, device, { race }) => {
    const done = device.sync.completion('never')
    await race({
      waiter: async () => {
        await done.wait({ deadlineMs: 5 }).catch((error: { code: string }) => log(error.code))
      },
    })
  })
  expect(seen).toEqual(['ETIMEDOUT'])
})

/** Copies a word when it is told to, and then raises an interrupt. */
const copier = defineDevice({
  name: 'copier',
  match: '1234:0001',
  bars: [64],
  start: (bus) => {
    const registers = [0n, 0n]
    return {
      read: (_bar, offset) => registers[offset / 8] ?? 0n,
      write: (_bar, offset, _width, value) => {
        registers[offset / 8] = value
        if (offset !== 8) return
        bus.run('copy', async () => {
          const bytes = await bus.read(registers[0] as never, 4)
          await bus.write(value as never, bytes)
          bus.interrupt()
        })
      },
      reset: () => undefined,
    }
  },
})

test('the work of a device model and its interrupt are strands of their own', async () => {
  const seen = new Set<string>()
  const result = await explore(
    async ({ backend, race }) => {
      const space = await backend.createAddressSpace()
      const device = await backend.openDevice('copier')
      const buffer = await space.mmap({ pages: 2 })
      await space.write(buffer.start, new Uint8Array([7, 7, 7, 7]))
      const mirror = await device.mirror(space, buffer, { invalidate: () => undefined })
      const [from, to] = await mirror.map(buffer, { access: 'write' }, (mapping) => [
        mapping.dmaAddress(0),
        mapping.dmaAddress(1),
      ])
      const done = device.sync.completion('copied')
      device.interrupts.listen(() => done.complete())
      await race({
        driver: async () => {
          device.registers.write64(0, from!)
          device.registers.write64(8, to!)
          await done.wait()
        },
        cpu: async () => {
          const [byte] = await space.read(buffer.page(1).start, 1)
          seen.add(`cpu saw ${byte}`)
        },
      })
      expect([...(await space.read(buffer.page(1).start, 4))]).toEqual([7, 7, 7, 7])
      await mirror.close()
      await device.close()
      await space.close()
    },
    { devices: { copier: { model: copier } }, budget: { schedules: 500 } },
  )
  expect(result).toMatchObject({ failure: undefined, mode: 'batched' })
  expect(seen).toEqual(new Set(['cpu saw 0', 'cpu saw 7']))
})

test.each(['inside', 'deferred'] as const)(
  'mirrors hear of an invalidation %s, and schedules show the difference',
  async (invalidate) => {
    const { seen } = await logs(
      async (log, device, { backend, race, point }) => {
        const space = await backend.createAddressSpace()
        const buffer = await space.mmap({ pages: 1 })
        const mirror = await device.mirror(space, buffer, { invalidate: () => log('told') })
        await race({
          cpu: async () => {
            await space.munmap(buffer)
            log('unmapped')
          },
          other: () => point('p'),
        })
        // Nothing of that range is possible before the driver has heard of it.
        await mirror
          .map(buffer, { access: 'read' }, () => undefined)
          .catch((error: { code: string }) => log(error.code))
        await mirror.close()
        await space.close()
      },
      { simulation: { invalidate } },
    )
    const inside = ['told unmapped EFAULT']
    expect(seen).toEqual(
      invalidate === 'inside' ? inside : [...inside, 'unmapped told EFAULT'].toSorted(),
    )
  },
)

test('promises of its own are followed in exact mode: steps are whose they are', async () => {
  const strands = new Set<string>()
  const { failure, mode } = await explore(async ({ race, point, backend }) => {
    const device = await backend.openDevice('demo')
    let settle = (): void => undefined
    const own = new Promise<void>((resolve) => (settle = resolve))
    let count = 0
    await race({
      waiter: async () => {
        await own
        const before = count
        await point('in waiter')
        count = before + 1
      },
      waker: async () => {
        await point('before')
        settle()
        const before = count
        await point('in waker')
        count = before + 1
      },
    })
    await device.close()
    expect(count).toBe(2)
  })
  expect(mode).toBe('exact')
  expect(failure).toMatchObject({ kind: 'assertion' })
  for (const { strand, point } of failure!.rows) strands.add(`${strand}: ${point}`)
  expect(strands).toContain('waiter: in waiter')
  expect(strands).toContain('waker: in waker')
})

test('a mutex of its own works in exact mode, and nobody is blamed', async () => {
  const { failure, mode } = await explore(async ({ race, point }) => {
    const waiting: (() => void)[] = []
    let locked = false
    let count = 0
    const lock = async (): Promise<void> => {
      while (locked) await new Promise<void>((resolve) => waiting.push(resolve))
      locked = true
    }
    const add = async (): Promise<void> => {
      await lock()
      const before = count
      await point('inside')
      count = before + 1
      locked = false
      waiting.shift()?.()
    }
    await race({ a: add, b: add, c: add })
    expect(count).toBe(3)
  })
  expect({ failure, mode }).toEqual({ failure: undefined, mode: 'exact' })
})

test('exact mode finds what batched mode finds', async () => {
  const run = (mode: 'batched' | 'exact') =>
    explore(
      async ({ race, point }) => {
        let count = 0
        const add = async (): Promise<void> => {
          const before = count
          await point('p')
          count = before + 1
        }
        await race({ a: add, b: add })
        expect(count).toBe(2)
      },
      { mode },
    )
  const [batched, exact] = [await run('batched'), await run('exact')]
  expect([batched.mode, exact.mode]).toEqual(['batched', 'exact'])
  expect(exact.failure?.token).toBe(batched.failure?.token)
  expect(exact.schedules).toBe(batched.schedules)
})

test.each(['inside', 'deferred'] as const)(
  'both modes run the same schedules of a real driver (%s)',
  async (invalidate) => {
    const run = async (mode: 'batched' | 'exact') => {
      const { schedules, points, coverage, failure, ...result } = await explore(
        async ({ backend, race }) => {
          const space = await backend.createAddressSpace()
          const device = await backend.openDevice('demo')
          const buffer = await space.mmap({ pages: 2 })
          const mirror = await device.mirror(space, buffer, { invalidate: () => undefined })
          await race({
            driver: () => mirror.map(buffer, { access: 'write' }, () => undefined),
            cpu: async () => {
              await space.madvise(buffer, 'dontneed')
              await space.write(buffer.start, new Uint8Array(8))
            },
          })
          await mirror.close()
          await device.close()
          await space.close()
        },
        { mode, budget: { schedules: 150 }, simulation: { invalidate } },
      )
      expect(result.mode).toBe(mode)
      return { schedules, points, coverage, failure }
    }
    expect(await run('batched')).toEqual(await run('exact'))
  },
)
