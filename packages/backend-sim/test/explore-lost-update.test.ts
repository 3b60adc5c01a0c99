import { HmmError, type DmaAddress } from '@hmm-sdk/hmm-api'
import type { SimDmaOptions } from '@hmm-sdk/backend-sim'
import { explore, replay, type ExploreOptions, type Scenario } from '@hmm-sdk/backend-sim/explore'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { FrameTable } from '../src/mm/frame-table.js'
import { MemoryFile } from '../src/mm/memory-file.js'

// Exploring takes its time where others work too.
vi.setConfig({ testTimeout: 120_000 })

/** A device that works on a copy of a page and brings it back; the process writes there meanwhile. */
function copyDriver(
  writeBack: 'page' | 'changed',
  of: 'nothing' | 'private' = 'nothing',
): Scenario {
  return async ({ backend, race, point }) => {
    const space = await backend.createAddressSpace()
    const device = await backend.openDevice('demo')
    const file = of === 'private' ? await space.createFile({ pages: 1 }) : undefined
    const buffer = await space.mmap({ pages: 1, ...(file && { file }) })
    const mirror = await device.mirror(space, buffer, { invalidate: () => undefined })
    await race({
      driver: async () => {
        const dma = await mirror.map(buffer, { access: 'write' }, (m) => m.dmaAddress(0))
        const copy = await device.engine.read(dma, 64)
        await point('work')
        copy[0] = 7
        await device.engine.write(dma, writeBack === 'page' ? copy : copy.subarray(0, 1))
      },
      process: () => space.write(buffer.at(32), Uint8Array.of(1, 2, 3)),
    })
    await file?.close()
    await mirror.close()
    await device.close()
    await space.close()
  }
}

describe('lost updates', () => {
  it('finds a stale copy that is written back over a newer write, without an assertion', async () => {
    const { failure } = await explore(copyDriver('page'))
    expect(failure?.kind).toBe('lost-update')
    expect(failure!.message).toContain("'driver' writes back what it had read before 'process'")
    expect(failure!.switches.length).toBeLessThanOrEqual(1)
    expect((await replay(failure!.token, copyDriver('page')))?.kind).toBe('lost-update')
  })

  it('finds nothing if only what was changed is written', async () => {
    const { failure, reason } = await explore(copyDriver('changed'))
    expect([failure?.message, reason]).toEqual([undefined, 'complete'])
  })

  it.each(SHARED)('finds a stale copy over what another process wrote to %s', async (kind) => {
    const { failure } = await explore(sharedCopy(kind, 'page'))
    expect(failure?.kind).toBe('lost-update')
    expect(failure!.message).toContain("'driver' writes back what it had read before 'process'")
    expect(failure!.switches.length).toBeLessThanOrEqual(2)
    expect((await replay(failure!.token, sharedCopy(kind, 'page')))?.kind).toBe('lost-update')
  })

  it.each(SHARED)('and nothing if only what was changed is written to %s', async (kind) => {
    const { failure, reason } = await explore(sharedCopy(kind, 'changed'))
    expect([failure?.message, reason]).toEqual([undefined, 'complete'])
  })

  it.each(Object.keys(KEEPS))('finds nothing when shared pages move or go, by %s', async (how) => {
    const { failure } = await explore(sharedPages(KEEPS[how]!), { budget: { schedules: 200 } })
    expect(failure?.message).toBeUndefined()
  })

  it.each(Object.keys(KEEPS))(
    'finds nothing when private copies move or go, by %s',
    async (how) => {
      const scenario = sharedPages(KEEPS[how]!, false)
      const { failure } = await explore(scenario, { budget: { schedules: 200 } })
      expect(failure?.message).toBeUndefined()
    },
  )

  it('finds a stale copy over what was written to a private mapping of a file', async () => {
    const { failure } = await explore(copyDriver('page', 'private'))
    expect(failure?.kind).toBe('lost-update')
    const { failure: none } = await explore(copyDriver('changed', 'private'))
    expect(none?.message).toBeUndefined()
  })

  it('can be told not to', async () => {
    const { failure } = await explore(copyDriver('page'), {
      lostUpdates: false,
      budget: { schedules: 200 },
    })
    expect(failure).toBeUndefined()
  })

  it('takes a word that is set back for what it is', async () => {
    const { failure } = await explore(async ({ backend, race }) => {
      const space = await backend.createAddressSpace()
      const flag = (await space.mmap({ pages: 1 })).start
      await race({
        consumer: async () => {
          await space.read(flag, 4)
          await space.write(flag, new Uint8Array(4))
        },
        producer: () => space.write(flag, Uint8Array.of(1, 0, 0, 0)),
      })
      await space.close()
    })
    expect(failure).toBeUndefined()
  })

  it.each([{ shape: 'swiotlb' }, { coherent: false }] satisfies SimDmaOptions[])(
    'finds what the CPU writes to a mapped buffer and an unmap copies over, with %o',
    async (dma) => {
      const { failure } = await explore(mappedBuffer('unmap'), withDma(dma))
      expect(failure?.kind).toBe('lost-update')
      expect(failure!.message).toContain('what the CPU wrote to a mapped buffer is gone')
      const fixed = await explore(mappedBuffer('sync'), withDma(dma))
      expect([fixed.failure?.message, fixed.reason]).toEqual([undefined, 'complete'])
    },
  )

  it('loses nothing where there is one copy only', async () => {
    const { failure } = await explore(mappedBuffer('unmap'), withDma({}))
    expect(failure).toBeUndefined()
  })

  it.each([{ shape: 'swiotlb' }, { coherent: false }] satisfies SimDmaOptions[])(
    'finds what the device wrote and a sync to it copies over, with %o',
    async (dma) => {
      const scenario: Scenario = async ({ backend, race }) => {
        const device = await backend.openDevice('demo')
        const buffer = await device.dma.allocBuffer({ bytes: 4096 })
        const mapping = device.dma.map(buffer, { direction: 'bidirectional' })
        await race({
          device: () => device.engine.write(mapping.address, Uint8Array.of(5)),
          driver: () => mapping.sync('device'),
        })
        mapping.unmap()
        await buffer.close()
        await device.close()
      }
      const { failure } = await explore(scenario, withDma(dma))
      expect(failure?.message).toContain('what the device wrote to a mapped buffer is gone')
    },
  )

  describe('of a simulation that is broken', () => {
    afterEach(() => void vi.restoreAllMocks())

    it.each(['fork', 'migrate'] as const)(
      'finds a page that was not copied, by %s',
      async (how) => {
        vi.spyOn(FrameTable.prototype, 'copy').mockImplementation(() => undefined)
        const { failure } = await explore(movingPages(how), withMemory)
        expect(failure?.kind).toBe('lost-update')
        expect(failure!.message).toMatch(
          /^what '(scenario|process|device)' wrote is gone: nobody wrote over it/,
        )
      },
    )

    it('finds a shared page that was not copied, when it moves', async () => {
      vi.spyOn(FrameTable.prototype, 'copy').mockImplementation(() => undefined)
      const { failure } = await explore(sharedPages(KEEPS['compaction']!))
      expect(failure?.message).toMatch(/^what '\w+' wrote is gone: nobody wrote over it/)
      const copied = await explore(sharedPages(KEEPS['compaction']!, false))
      expect(copied.failure?.kind).toBe('lost-update')
    })

    it('finds a hole that was punched for one of two processes only', async () => {
      vi.spyOn(MemoryFile.prototype, 'mapped').mockReturnValue(false)
      const { failure } = await explore(sharedPages(KEEPS['a hole']!))
      expect(failure?.kind).toBe('lost-update')
    })

    it('finds a write of the device that did not arrive', async () => {
      const write = vi.spyOn(FrameTable.prototype, 'write')
      const { failure } = await explore(async (world) => {
        write.mockRestore()
        await movingPages('none')({
          ...world,
          backend: world.backend,
          control: world.control,
          race: async (actors) => {
            vi.spyOn(FrameTable.prototype, 'write').mockImplementation(() => undefined)
            await world.race(actors)
            vi.restoreAllMocks()
          },
        })
      }, withMemory)
      expect(failure?.kind).toBe('lost-update')
    })
  })

  it.each(['fork', 'migrate', 'reclaim', 'mremap', 'none', 'dontneed'] as const)(
    'finds nothing when pages move or go, by %s',
    async (how) => {
      const { failure } = await explore(movingPages(how), {
        ...withMemory,
        budget: { schedules: 300 },
      })
      expect(failure?.message).toBeUndefined()
    },
  )
})

/** What memory can be shared by: mapped by the other process, written by it as a file, or inherited. */
const SHARED = ['a file', 'a written file', 'persistent memory', 'anonymous memory'] as const

/** As `copyDriver`, but it is another process that writes meanwhile. */
function sharedCopy(kind: (typeof SHARED)[number], writeBack: 'page' | 'changed'): Scenario {
  return async ({ backend, race, point }) => {
    const space = await backend.createAddressSpace()
    const device = await backend.openDevice('demo')
    const dax = kind === 'persistent memory'
    const anonymous = kind === 'anonymous memory'
    const file = anonymous ? undefined : await space.createFile({ pages: 1, dax })
    const mapped = { pages: 1, shared: true, ...(file === undefined ? {} : { file }) } as const
    const buffer = await space.mmap(mapped)
    await space.write(buffer.start, new Uint8Array(64).fill(3))
    const other = anonymous ? await space.fork() : await backend.createAddressSpace()
    const there = anonymous ? buffer : await other.mmap(mapped)
    const mirror = await device.mirror(space, buffer, { invalidate: () => undefined })
    const news = Uint8Array.of(1, 2, 3)
    await race({
      driver: async () => {
        const dma = await mirror.map(buffer, { access: 'write' }, (m) => m.dmaAddress(0))
        const copy = await device.engine.read(dma, 64)
        await point('work')
        copy[0] = 7
        await device.engine.write(dma, writeBack === 'page' ? copy : copy.subarray(0, 1))
      },
      process: () =>
        kind === 'a written file' ? file!.write(32, news) : other.write(there.at(32), news),
    })
    await mirror.close()
    await device.close()
    await other.close()
    await file?.close()
    await space.close()
  }
}

type World = Parameters<Scenario>[0]
type Space = Awaited<ReturnType<World['backend']['createAddressSpace']>>
/** What happens to a page that two processes and a device write to. */
type Happens = (world: {
  readonly control: World['control']
  readonly space: Space
  readonly buffer: Awaited<ReturnType<Space['mmap']>>
  readonly file: Awaited<ReturnType<Space['createFile']>>
}) => Promise<unknown>

const KEEPS: Record<string, Happens> = {
  nothing: () => Promise.resolve(),
  'a cut': async ({ file }) => {
    await file.truncate(0)
    await file.truncate(1)
  },
  'a hole': ({ file }) => file.punchHole(0, 1),
  writeback: ({ control, space, buffer }) => control.memory.writeback(space, buffer),
  reclaim: ({ control, space, buffer }) => control.reclaim(space, buffer),
  compaction: ({ control, space, buffer }) => control.memory.compact(space, buffer),
  munmap: ({ space, buffer }) => space.munmap(buffer),
  dontneed: ({ space, buffer }) => space.madvise(buffer, 'dontneed'),
  'pread and pwrite': async ({ file }) => {
    await file.read(0, 8)
    await file.write(40, Uint8Array.of(6))
  },
  'another file in its place': async ({ space, buffer }) => {
    const next = await space.createFile({ pages: 1 })
    await space.mmap({ pages: 1, at: buffer.start, file: next, shared: true })
    await next.close()
  },
}

/**
 * A device and two processes write and read, each in a place of its own, while `happens`; not `shared`: the
 * device and one process have a copy of their own.
 */
function sharedPages(happens: Happens, shared = true): Scenario {
  return async ({ backend, control, race }) => {
    const space = await backend.createAddressSpace()
    const other = await backend.createAddressSpace()
    const device = await backend.openDevice('demo')
    const file = await space.createFile({ pages: 1 })
    const buffer = await space.mmap({ pages: 1, file, shared })
    const there = await other.mmap({ pages: 1, file, shared: true })
    await space.write(buffer.start, Uint8Array.of(1, 2, 3))
    await other.write(there.at(8), Uint8Array.of(4))
    let linked: DmaAddress | undefined
    const invalidate = (): void => void (linked = undefined)
    const mirror = await device.mirror(space, buffer, { invalidate })
    // The memory may be gone, or come back between two lines.
    const unlessGone = async (access: () => Promise<unknown>): Promise<void> => {
      await access().catch((error: unknown) => {
        if (!HmmError.is(error, 'EFAULT') && !HmmError.is(error, 'EINVAL')) throw error
      })
    }
    await race({
      device: () =>
        unlessGone(async () => {
          await mirror.map(buffer, { access: 'write' }, (m) => void (linked = m.dmaAddress(0)))
          if (linked !== undefined) await device.engine.write(linked, Uint8Array.of(8, 9))
        }),
      other: async () => {
        await unlessGone(() => other.write(there.at(16), Uint8Array.of(5)))
        await unlessGone(() => other.read(there.start, 64))
      },
      happens: () => unlessGone(() => happens({ control, space, buffer, file })),
    })
    await unlessGone(() => other.read(there.start, 64))
    await unlessGone(() => space.read(buffer.start, 64))
    await mirror.close()
    await device.close()
    await file.close()
    await other.close()
    await space.close()
  }
}

const withMemory = {
  devices: { demo: { sim: { memoryPages: 8 } } },
} satisfies ExploreOptions

function withDma(dma: SimDmaOptions): ExploreOptions {
  return { devices: { demo: { sim: { dma } } } }
}

/** The CPU writes to one end of a buffer while the device writes to the other. */
function mappedBuffer(before: 'unmap' | 'sync'): Scenario {
  return async ({ backend, race }) => {
    const device = await backend.openDevice('demo')
    const buffer = await device.dma.allocBuffer({ bytes: 4096 })
    const mapping = device.dma.map(buffer, { direction: 'bidirectional' })
    await race({
      device: () => device.engine.write(mapping.address, Uint8Array.of(5)),
      driver: () => buffer.write(100, Uint8Array.of(9)),
    })
    mapping.sync('cpu', 0, 64)
    if (before === 'sync') mapping.sync('device', 64, 64)
    mapping.unmap()
    await buffer.close()
    await device.close()
  }
}

/** The device and the process write and read while pages move. No assertion. */
function movingPages(
  how: 'fork' | 'migrate' | 'reclaim' | 'mremap' | 'dontneed' | 'none',
): Scenario {
  return async ({ backend, control, race }) => {
    const space = await backend.createAddressSpace()
    const device = await backend.openDevice('demo')
    const buffer = await space.mmap({ pages: 2 })
    const away = await space.mmap({ pages: 2 })
    await space.write(buffer.start, Uint8Array.of(1, 2, 3))
    let linked: DmaAddress | undefined
    const invalidate = (): void => void (linked = undefined)
    const mirror = await device.mirror(space, buffer, { invalidate })
    const access = async (use: (address: DmaAddress) => Promise<unknown>): Promise<void> => {
      for (let tries = 0; tries < 9; tries++) {
        try {
          if (linked !== undefined) return void (await use(linked))
          await mirror.map(buffer, { access: 'write' }, (m) => void (linked = m.dmaAddress(0)))
        } catch (error) {
          // It was revoked meanwhile, or the process has nothing there any more.
          if (!HmmError.is(error, 'EFAULT')) throw error
        }
      }
    }
    await race({
      device: async () => {
        await access((address) => device.engine.read(address, 64))
        await access((address) => device.engine.write(address, Uint8Array.of(8, 9)))
      },
      process: async () => {
        if (how === 'fork') {
          const child = await space.fork({ name: 'child' })
          await space.write(buffer.at(16), Uint8Array.of(4))
          await child.close()
        } else if (how === 'migrate') await device.memory.migrate(mirror, buffer, { to: 'device' })
        else if (how === 'reclaim') await control.reclaim(space, buffer)
        else if (how === 'dontneed') await space.madvise(buffer, 'dontneed')
        else if (how === 'mremap') await space.mremap(buffer, { to: away.start })
        await space.read(how === 'mremap' ? away.start : buffer.start, 64)
      },
    })
    await space.read(how === 'mremap' ? away.start : buffer.start, 64)
    await mirror.close()
    await device.close()
    await space.close()
  }
}
