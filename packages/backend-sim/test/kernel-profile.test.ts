import { openBackend, type AddressSpace, type HmmError, type VirtualRange } from '@hmm-sdk/hmm-api'
import { createSimulation, type KernelName } from '@hmm-sdk/backend-sim'
import { describe, expect, test } from 'vitest'

/** A process with a free place of `pages` pages, on that Linux. */
async function arena(kernel: KernelName, pages = 32) {
  const backend = await openBackend({ backend: createSimulation({ kernel }) })
  const space = await backend.createAddressSpace()
  const device = await backend.openDevice('demo')
  const place = await space.mmap({ pages: pages + 2 })
  await space.munmap(place)
  const at = (page: number, count: number): VirtualRange => place.slice(page + 1, count)
  const events: string[] = []
  const mirror = await device.mirror(space, place, {
    invalidate: ({ kind, range }) => {
      events.push(`${kind} ${place.indexOf(range) - 1}+${range.pages}`)
    },
  })
  return { backend, space, device, at, mirror, events }
}

/** Whether the pages are one mapping: only that can grow while it moves. */
async function isOneMapping(space: AddressSpace, range: VirtualRange, to: VirtualRange) {
  return space.mremap(range, { pages: range.pages + 1, to: to.start, mayMove: true }).then(
    () => true,
    (error: HmmError) => (expect(error.code).toBe('EFAULT'), false),
  )
}

describe('mappings', () => {
  /** Two mappings with different rights, moved over another one. */
  async function moveTwo(kernel: KernelName) {
    const { space, at, events } = await arena(kernel)
    await space.mmap({ pages: 1, at: at(0, 1).start, protection: 'r' })
    await space.mmap({ pages: 1, at: at(1, 1).start, protection: 'rw' })
    await space.mmap({ pages: 2, at: at(8, 2).start })
    const moved = space.mremap(at(0, 2), { pages: 2, to: at(8, 2).start, mayMove: true })
    return { code: await moved.then(() => 'ok', (error: HmmError) => error.code), events }
  } // prettier-ignore

  test.each(['7.3', '7.2'] as const)('moves several mappings on %s', async (kernel) => {
    expect((await moveTwo(kernel)).code).toBe('ok')
  })

  test('moves one mapping on 6.12, and unmaps the target before it looks', async () => {
    expect(await moveTwo('6.12')).toEqual({ code: 'EFAULT', events: ['unmap 8+2'] })
  })

  /** A mapping that stays while its memory moves right behind it. */
  async function keepBeside(kernel: KernelName) {
    const { space, at } = await arena(kernel)
    await space.mmap({ pages: 2, at: at(0, 2).start, protection: 'rw' })
    await space.mremap(at(0, 2), {
      pages: 2, to: at(2, 2).start, mayMove: true, dontUnmap: true,
    }) // prettier-ignore
    return isOneMapping(space, at(0, 4), at(16, 5))
  }

  test('lets a mapping that stays become one with its copy on 6.12 only', async () => {
    expect([await keepBeside('6.12'), await keepBeside('7.2'), await keepBeside('7.3')]).toEqual([
      true,
      false,
      false,
    ])
  })

  /** A private copy of a file's page, moved to where the file's earlier pages are mapped. */
  async function joinCopies(kernel: KernelName) {
    const { space, at } = await arena(kernel)
    const file = await space.createFile({ pages: 8 })
    await space.mmap({ pages: 2, at: at(0, 2).start, protection: 'rw', file, filePage: 0 })
    await space.mmap({ pages: 2, at: at(8, 2).start, protection: 'rw', file, filePage: 2 })
    await space.write(at(8, 1).start, Uint8Array.of(1))
    await space.mremap(at(8, 2), { pages: 2, to: at(2, 2).start, mayMove: true })
    return isOneMapping(space, at(0, 4), at(16, 5))
  }

  /** A swapped page that the parent read back first, and the child wrote: who hears of its reclaim. */
  async function reclaimOfTheLast(kernel: KernelName) {
    const { space, at, events } = await arena(kernel)
    await space.mmap({ pages: 1, at: at(0, 1).start, protection: 'rw' })
    await space.write(at(0, 1).start, Uint8Array.of(1))
    await space.madvise(at(0, 1), 'pageout')
    const child = await space.fork()
    await space.write(at(0, 1).start, Uint8Array.of(2))
    await child.write(at(0, 1).start, Uint8Array.of(3))
    events.length = 0
    await child.madvise(at(0, 1), 'pageout')
    return events
  }

  test('leaves the page of who is last to write it where it was on 6.12', async () => {
    expect(await reclaimOfTheLast('6.12')).toEqual(['clear 0+1'])
    expect(await reclaimOfTheLast('7.3')).toEqual([])
  })

  /** A page that was written, made equal to its neighbours that were not: what fork then protects. */
  async function joinUntouched(kernel: KernelName, first: number) {
    const { space, at, events } = await arena(kernel)
    await space.mmap({ pages: 3, at: at(0, 3).start, protection: 'rw' })
    await space.mprotect(at(first, 1), 'rwx')
    await space.write(at(first, 1).start, Uint8Array.of(1))
    await space.mprotect(at(first, 1), 'rw')
    events.length = 0
    await space.fork()
    return events
  }

  test.each([
    ['6.12', 0, ['protection-page 0+1']],
    ['6.12', 1, ['protection-page 1+1']],
    ['7.2', 1, ['protection-page 0+3']],
    ['7.3', 0, ['protection-page 0+3']],
    ['7.3', 1, ['protection-page 0+3']],
  ] as const)(
    'joins what was touched with what was not since 6.16: %s, page %i',
    async (...each) => {
      const [kernel, first, events] = each
      expect(await joinUntouched(kernel, first)).toEqual(events)
    },
  )

  test('joins private mappings of a file by their places on 7.2, by those of the copies on 7.3', async () => {
    expect([await joinCopies('6.12'), await joinCopies('7.2'), await joinCopies('7.3')]).toEqual([
      false,
      true,
      false,
    ])
  })
})

describe('range fault', () => {
  /** Which of two shared pages of a file are there after one of them was asked for, to write. */
  async function overFault(kernel: KernelName) {
    const { space, at, mirror } = await arena(kernel)
    const file = await space.createFile({ pages: 2 })
    await space.mmap({ pages: 2, at: at(0, 2).start, protection: 'rw', file, shared: true })
    const perPage = new Map([[0, 'write' as const]])
    return mirror.faultAndCommit(at(0, 2), { request: 'none', perPage }, (pages) => [
      pages.valid(0),
      pages.valid(1),
    ])
  }

  test('gives up the lock for a page that gets dirty, and goes on anew, since 7.3', async () => {
    expect(await overFault('7.3')).toEqual([true, false])
    expect(await overFault('7.2')).toEqual([true, true])
  })
})

describe('swap', () => {
  /** What the last one has who reads a page back that was swapped out before a fork. */
  async function readBack(kernel: KernelName, writeFirst = false) {
    const { space, at, mirror } = await arena(kernel)
    await space.mmap({ pages: 1, at: at(0, 1).start, protection: 'rw' })
    await space.write(at(0, 1).start, Uint8Array.of(1))
    await space.madvise(at(0, 1), 'pageout')
    const child = await space.fork()
    if (writeFirst) await child.write(at(0, 1).start, Uint8Array.of(2))
    await child.exit()
    return mirror.faultAndCommit(at(0, 1), { request: 'read' }, (pages) => pages.writable(0))
  }

  test('the last one may write at once on 6.12; later a write finds out', async () => {
    expect([await readBack('6.12'), await readBack('7.2'), await readBack('7.3')]).toEqual([
      true,
      false,
      false,
    ])
    expect(await readBack('6.12', true), 'another one has read it').toBe(false)
  })
})

describe('collapse', () => {
  test('of less than a block inside one block is EINVAL on 6.12', async () => {
    async function collapse(kernel: KernelName) {
      const { space, at } = await arena(kernel, 2048)
      await space.mmap({ pages: 2048, at: at(0, 1).start, protection: 'rw' })
      await space.write(at(0, 1).start, Uint8Array.of(1))
      const block = 1024 - (at(0, 1).startPage % 512)
      const small = space.madvise(at(block + 4, 4), 'collapse').then(
        () => 'ok',
        (error: HmmError) => error.code,
      )
      return [await small, await space.madvise(at(block - 2, 4), 'collapse')]
    }
    expect(await collapse('6.12')).toEqual(['EINVAL', undefined])
    expect(await collapse('7.3')).toEqual(['ok', undefined])
  })

  test('of memory that was never touched is EINVAL', async () => {
    const { space, at } = await arena('7.3', 2048)
    await space.mmap({ pages: 2048, at: at(0, 1).start, protection: 'rw' })
    await expect(space.madvise(at(0, 2048), 'collapse')).rejects.toMatchObject({ code: 'EINVAL' })
  })
})

describe('huge pages', () => {
  /** Whether a child may page out a part of the huge page of which it and its parent have 200 pages. */
  async function pageOut(kernel: KernelName, kept: 'first' | 'last') {
    const pages = 512
    const { space, at, events } = await arena(kernel, 2 * pages)
    const range = at((pages - (at(0, 1).startPage % pages)) % pages, pages)
    await space.mmap({ pages, at: range.start, protection: 'rw' })
    await space.madvise(range, 'hugepage')
    await space.write(range.start, Uint8Array.of(1))
    await space.munmap(kept === 'first' ? range.slice(200) : range.slice(0, 312))
    const child = await space.fork()
    events.length = 0
    await child.madvise(range.page(kept === 'first' ? 100 : 400), 'pageout')
    return events.length > 0
  }

  test('are guessed to be shared or not by their first page on 6.12', async () => {
    expect([await pageOut('6.12', 'first'), await pageOut('6.12', 'last')]).toEqual([false, true])
    expect([await pageOut('7.3', 'first'), await pageOut('7.3', 'last')]).toEqual([false, false])
  })
})

describe('capabilities', () => {
  test.each([
    ['7.3', true],
    ['7.2', true],
    ['6.12', false],
  ] as const)('device memory and exclusive access on %s: %s', async (kernel, has) => {
    const { device } = await arena(kernel)
    for (const name of ['memory', 'exclusive', 'engine.atomics'] as const) {
      const capability = device.capabilities.get(name)
      expect([name, capability.supported]).toEqual([name, has])
      if (!capability.supported) expect(capability.reason).toContain('Linux 6.12')
    }
  })

  test('device memory that the kernel cannot have is refused with the way out', async () => {
    const backend = await openBackend({
      backend: createSimulation({ kernel: '6.12' }),
      config: { devices: { demo: { sim: { memoryPages: 8 } } } },
    })
    const error: HmmError = await backend.openDevice('demo').then(
      () => expect.fail('opened'),
      (reason: HmmError) => reason,
    )
    expect([error.code, error.hint]).toEqual(['EOPNOTSUPP', expect.stringContaining("'7.3'")])
  })

  test('an unknown kernel is refused', () => {
    expect(() => createSimulation({ kernel: '6.11' as KernelName })).toThrow(
      "kernel '6.11' is not one of",
    )
  })
})

describe('breakpoints', () => {
  /** Events of a breakpoint where no page was, of another one in the same page, and of the removal of the first. */
  async function breakpoints(kernel: KernelName) {
    const { space, at, events, mirror } = await arena(kernel)
    const file = await space.createFile({ pages: 1 })
    await space.mmap({ pages: 1, at: at(0, 1).start, file, protection: 'rx' })
    const all: string[][] = []
    const told = async () => {
      await mirror.fault(at(0, 1), { request: 'none' })
      all.push(events.splice(0))
    }
    const first = await file.uprobe(16)
    await told()
    await file.uprobe(32)
    await told()
    await first.close()
    await told()
    return all
  }

  test('6.12 replaces the page each time', async () => {
    expect(await breakpoints('6.12')).toEqual([['clear 0+1'], ['clear 0+1'], ['clear 0+1']])
  })

  test.each(['7.2', '7.3'] as const)('%s writes to a page that is its own', async (kernel) => {
    expect(await breakpoints(kernel)).toEqual([[], [], ['clear 0+1']])
  })
})
