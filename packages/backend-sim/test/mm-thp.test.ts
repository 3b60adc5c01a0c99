import { openBackend, type Backend, type VirtualRange } from '@hmm-sdk/hmm-api'
import { control, createBackend } from '@hmm-sdk/backend-sim'
import { afterEach, describe, expect, test } from 'vitest'
import { Scene } from '../../hmm-api/src/conformance/harness/scene.js'
import type { Watch } from '../../hmm-api/src/conformance/harness/watch.js'

const BLOCK = 512
let t: Scene
let backend: Backend

async function start(thp: 'always' | 'madvise' | 'never' = 'always'): Promise<void> {
  const open = () => openBackend({ backend: createBackend, config: { sim: { thp } } })
  backend = await open()
  t = await Scene.open(backend, open)
}

afterEach(async () => {
  expect(control(backend).problems()).toEqual([])
  await t.close()
  await backend.close()
  expect(backend.leaks).toEqual([])
})

/** Order and right of each block, or '?' where its pages differ. */
async function blocks(watch: Watch, range: VirtualRange = watch.range): Promise<string[]> {
  const states = await watch.commit(
    (pages) =>
      Array.from({ length: range.pages }, (_, index) => {
        if (!pages.valid(index)) return 'none'
        return `${pages.writable(index) ? 'write' : 'read'} ${pages.order(index)}`
      }),
    { request: 'none' },
    range,
  )
  const found: string[] = []
  for (let index = 0; index < states.length; index += BLOCK) {
    const block = new Set(states.slice(index, index + BLOCK))
    found.push(block.size === 1 ? states[index]! : '?')
  }
  return found
}

async function watched(count: number) {
  const range = await t.mmap(count * BLOCK)
  for (let block = 0; block < count; block++) await t.poke(range, block * BLOCK + 3, block + 1)
  return { range, watch: await t.watch(range) }
}

describe('a fault', () => {
  test('a write gives a block, a read the huge zero page, without an event', async () => {
    await start()
    const range = await t.mmap(2 * BLOCK)
    const watch = await t.watch(range)
    await t.peek(range, 5)
    await t.poke(range, BLOCK + 5, 1)
    expect(await blocks(watch)).toEqual(['read 9', 'write 9'])
    expect(await watch.seen()).toEqual([])
    expect(control(backend).usage().frames).toBe(BLOCK)
  })

  test('frames of a block adjoin and are aligned', async () => {
    await start()
    const { watch } = await watched(1)
    const frames = await watch.commit((pages) => [0, 1, 511].map((index) => pages.frame(index)))
    expect(frames[0]! % BLOCK).toBe(0)
    expect(frames).toEqual([frames[0]!, frames[0]! + 1, frames[0]! + 511])
  })

  test('a write to the huge zero page replaces all of it', async () => {
    await start()
    const range = await t.mmap(BLOCK)
    await t.peek(range, 0)
    const watch = await t.watch(range)
    expect(await watch.fault('write', range.page(7))).toEqual(['write'])
    expect(await watch.seen()).toEqual(['clear 0-511'])
    expect(await blocks(watch)).toEqual(['write 9'])
  })

  test('a device write fault gives blocks; orders are clipped to what was asked for', async () => {
    await start()
    const range = await t.mmap(2 * BLOCK)
    const watch = await t.watch(range)
    await watch.fault('write', range.slice(10, 600))
    expect(await blocks(watch)).toEqual(['write 9', 'write 9'])
    const orders = await watch.commit(
      (pages) => [0, 2, 4, 6].map((index) => pages.order(index)),
      { request: 'none' },
      range.slice(508, 8),
    )
    expect(orders).toEqual([2, 2, 2, 2])
  })

  test('small pages where there is no block of memory or the area is too small', async () => {
    await start()
    const range = await t.mmap(BLOCK)
    control(backend).failNext('frame')
    await t.poke(range, 0, 1)
    const small = await t.mmap(BLOCK - 1)
    await t.poke(small, 0, 1)
    expect(await blocks(await t.watch(range.page(0)))).toEqual(['write 0'])
    expect(await blocks(await t.watch(small.page(0)))).toEqual(['write 0'])
    expect(control(backend).usage().frames).toBe(2)
  })

  test('who gets them: never, madvise, nohugepage', async () => {
    await start('madvise')
    const range = await t.mmap(4 * BLOCK)
    await t.space.madvise(range.slice(BLOCK, 2 * BLOCK), 'hugepage')
    await t.space.madvise(range.slice(2 * BLOCK, BLOCK), 'nohugepage')
    for (const block of [0, 1, 2]) await t.poke(range, block * BLOCK, 1)
    const watch = await t.watch(range)
    expect(await blocks(watch)).toEqual(['?', 'write 9', '?', 'none'])
    expect(await watch.seen()).toEqual([])
  })
})

describe('what splits a block, and what does not', () => {
  test('munmap of a part: CLEAR over the block, then UNMAP', async () => {
    await start()
    const { range, watch } = await watched(2)
    const kinds: string[] = []
    await t.watch(range, { invalidate: (event) => void kinds.push(event.kind) })
    await t.space.munmap(range.slice(BLOCK - 1, 1))
    expect(kinds).toEqual(['clear', 'unmap'])
    expect(await watch.seen()).toEqual(['clear 0-511', 'unmap 511'])
    expect(await blocks(watch)).toEqual(['?', 'write 9'])
    expect(await t.contents(range.page(3))).toEqual([1])
  })

  test('munmap of all of it does not', async () => {
    await start()
    const { range, watch } = await watched(2)
    await t.space.munmap(range.slice(0, BLOCK))
    expect(await watch.seen()).toEqual(['unmap 0-511'])
    expect(control(backend).usage().frames).toBe(BLOCK)
  })

  test('mprotect: a part splits, the whole does not', async () => {
    await start()
    const { range, watch } = await watched(2)
    await t.space.mprotect(range.slice(0, BLOCK), 'r')
    expect(await watch.seen()).toEqual(['protection-vma 0-511'])
    expect(await blocks(watch)).toEqual(['read 9', 'write 9'])
    await t.space.mprotect(range.slice(0, BLOCK), 'rw')
    expect(await blocks(watch)).toEqual(['write 9', 'write 9'])
    await watch.forget()
    await t.space.mprotect(range.slice(BLOCK, 100), 'r')
    expect((await watch.seen()).sort()).toEqual(['clear 512-1023', 'protection-vma 512-611'])
    expect(await blocks(watch)).toEqual(['write 9', '?'])
  })

  test('madvise: dontneed of a part splits; of all, the next fault takes a block again', async () => {
    await start()
    const { range, watch } = await watched(2)
    await t.space.madvise(range.slice(0, BLOCK + 10), 'dontneed')
    expect(await watch.seen()).toEqual(['clear 0-1023'])
    expect(await t.contents(range.slice(3, 1))).toEqual([0])
    await t.poke(range, 3, 7)
    expect(await blocks(watch)).toEqual(['write 9', '?'])
    expect(await t.contents(range.slice(BLOCK + 9, 2))).toEqual([0, 0])
  })

  test('free of all keeps it, reclaim splits and drops or swaps it', async () => {
    await start()
    const { range, watch } = await watched(2)
    await t.space.madvise(range.slice(0, BLOCK), 'free')
    expect(await blocks(watch)).toEqual(['write 9', 'write 9'])
    await t.space.madvise(range, 'pageout')
    expect(await blocks(watch)).toEqual(['none', 'none'])
    expect(await t.contents(range.slice(BLOCK + 3, 1))).toEqual([2])
    expect(await t.contents(range.slice(3, 1))).toEqual([0])
  })

  test('mremap: to an aligned place as a block, else split', async () => {
    await start()
    const { range } = await watched(1)
    const place = await t.mmap(3 * BLOCK)
    const moved = await t.space.mremap(range, { pages: BLOCK, to: place.start })
    const watch = await t.watch(moved)
    expect(await blocks(watch)).toEqual(['write 9'])
    const off = await t.space.mremap(moved, { pages: BLOCK, to: place.page(BLOCK + 1).start })
    expect((await watch.seen()).sort()).toEqual(['clear 0-511', 'unmap 0-511'])
    expect(await t.contents(off.page(3))).toEqual([1])
    expect(await (await t.watch(off)).snapshot(off.slice(0, 2))).toEqual(['write', 'write'])
  })

  test('exclusive access and a NUMA scan of a part split, a scan of all does not', async () => {
    await start()
    const { range, watch } = await watched(2)
    await watch.exclusive(range.page(3))
    expect(await blocks(watch)).toEqual(['?', 'write 9'])
    await watch.forget()
    await control(backend).memory.numaScan(t.space, range.slice(BLOCK, BLOCK))
    expect(await blocks(watch, range.slice(BLOCK, BLOCK))).toEqual(['none'])
    expect(await watch.fault('read', range.page(BLOCK))).toEqual(['write'])
    expect(await blocks(watch, range.slice(BLOCK, BLOCK))).toEqual(['write 9'])
    expect(await watch.seen()).toEqual(['protection-vma 512-1023'])
    await control(backend).memory.numaScan(t.space, range.page(BLOCK))
    expect(await blocks(watch, range.slice(BLOCK, BLOCK))).toEqual(['?'])
  })

  test('compaction, poison and KSM split', async () => {
    await start()
    const { range, watch } = await watched(3)
    const { memory } = control(backend)
    expect(await memory.compact(t.space, range.page(3))).toBe(1)
    await memory.poison(t.space, range.page(BLOCK + 1))
    // Pages of zeros become the zero page when the block is split, which is not merged.
    expect(await memory.mergePages(t.space, range.slice(2 * BLOCK + 10, 2))).toBe(0)
    for (const page of [10, 11]) await t.poke(range, 2 * BLOCK + page, 7)
    expect(await memory.mergePages(t.space, range.slice(2 * BLOCK + 10, 2))).toBe(1)
    expect(await blocks(watch)).toEqual(['?', '?', '?'].map((_, i) => (i === 0 ? 'write 0' : '?')))
    expect(await t.contents(range.slice(3, 1))).toEqual([1])
  })
})

describe('fork', () => {
  test('blocks are shared; a write copies one page of a split block', async () => {
    await start()
    const { range, watch } = await watched(2)
    const child = await t.fork()
    expect(await watch.seen()).toEqual(['protection-page 0-1023'])
    expect(await blocks(watch)).toEqual(['read 9', 'read 9'])
    const childWatch = await t.watch(range, { space: child })
    expect(await blocks(childWatch)).toEqual(['read 9', 'read 9'])
    await watch.forget()
    await t.poke(range, 3, 9)
    expect(await watch.seen()).toEqual(['clear 0-511'])
    expect(await t.peek(range, 3, child)).toBe(1)
    expect(await t.peek(range, 3)).toBe(9)
    expect(await blocks(childWatch)).toEqual(['read 9', 'read 9'])
    await child.exit()
    await watch.forget()
    await t.poke(range, BLOCK, 9)
    expect(await blocks(watch)).toEqual(['?', 'write 9'])
    expect(await watch.seen()).toEqual([])
  })

  test('a pinned block is split, and the pinned page copied at once', async () => {
    await start()
    const { range, watch } = await watched(1)
    const pin = control(backend).pin(t.space, range.page(3))
    const child = await t.fork()
    pin.unpin()
    expect((await watch.seen()).sort()).toEqual(['clear 0-511', 'protection-page 0-511'])
    expect(await watch.snapshot(range.slice(2, 2))).toEqual(['read', 'write'])
    expect(await t.peek(range, 3, child)).toBe(1)
  })
})

describe('collapse', () => {
  test('by madvise: CLEAR over the block, also where huge pages are never given', async () => {
    await start('never')
    const range = await t.mmap(2 * BLOCK)
    await t.poke(range, 0, 1)
    await t.poke(range, 511, 2)
    await t.space.madvise(range.page(511), 'pageout')
    const watch = await t.watch(range)
    await t.space.madvise(range.slice(0, BLOCK), 'collapse')
    expect(await watch.seen()).toEqual(['clear 0-511'])
    expect(await blocks(watch)).toEqual(['write 9', 'none'])
    expect([await t.peek(range, 0), await t.peek(range, 511)]).toEqual([1, 2])
    await t.space.madvise(range.slice(0, BLOCK), 'collapse')
    expect(await watch.seen()).toEqual(['clear 0-511'])
  })

  test('what cannot be: nothing there, a pinned page, advice against it, a file, no memory', async () => {
    await start('never')
    const range = await t.mmap(BLOCK)
    const collapse = () => t.space.madvise(range, 'collapse')
    await expect(collapse()).rejects.toMatchObject({ code: 'EINVAL' })
    await t.poke(range, 0, 1)
    const pin = control(backend).pin(t.space, range)
    await expect(collapse()).rejects.toMatchObject({ code: 'EAGAIN' })
    pin.unpin()
    control(backend).failNext('frame')
    await expect(collapse()).rejects.toMatchObject({ code: 'ENOMEM' })
    await t.space.madvise(range, 'nohugepage')
    await expect(collapse()).rejects.toMatchObject({ code: 'EINVAL' })
    const shared = await t.mmap(BLOCK, { shared: true })
    await expect(t.space.madvise(shared, 'collapse')).rejects.toMatchObject({ code: 'EINVAL' })
  })

  test('by khugepaged, where huge pages are wanted', async () => {
    await start('madvise')
    const range = await t.mmap(2 * BLOCK)
    for (const page of [0, BLOCK]) await t.poke(range, page, 1)
    await t.space.madvise(range.slice(0, BLOCK), 'hugepage')
    const watch = await t.watch(range)
    expect(await control(backend).memory.collapse(t.space, range)).toBe(1)
    expect(await watch.seen()).toEqual(['clear 0-511'])
    expect(await blocks(watch)).toEqual(['write 9', '?'])
  })
})

describe('device memory', () => {
  test('pages of a block move after a split; a pinned block stays', async () => {
    await start()
    const { range, watch } = await watched(2)
    const memory = t.device.memory!
    await memory.migrate(watch.mirror, range.slice(0, 8), { to: 'device' })
    expect(await watch.snapshot(range.slice(3, 1))).toEqual(['device-write'])
    expect(await t.peek(range, 3)).toBe(1)
    const pin = control(backend).pin(t.space, range.page(BLOCK + 9))
    await memory.migrate(watch.mirror, range.slice(BLOCK, 8), { to: 'device' })
    pin.unpin()
    expect(await blocks(watch, range.slice(BLOCK, BLOCK))).toEqual(['write 9'])
  })
})

describe('UFFDIO_MOVE', () => {
  test('a block goes to a place for one whole, a page of it by itself', async () => {
    await start()
    const { range, watch } = await watched(2)
    const target = await t.mmap(BLOCK)
    const place = await t.mmap(1)
    const whole = t.own(await t.space.userfaultfd(target, { missing: true }))
    const part = t.own(await t.space.userfaultfd(place, { missing: true }))
    await whole.move(target, range.slice(0, BLOCK))
    expect(await watch.seen()).toEqual(['clear 0-511'])
    expect(await blocks(await t.watch(target))).toEqual(['write 9'])
    expect(await t.peek(target, 3)).toBe(1)
    await part.move(place, range.page(BLOCK + 3))
    expect(await t.peek(place, 0)).toBe(2)
    expect(await blocks(watch)).toEqual(['none', '?'])
    expect(await t.peek(range, BLOCK + 4)).toBe(0)
  })
})
