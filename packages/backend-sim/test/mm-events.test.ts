import { openBackend, type Backend, type VirtualRange } from '@hmm-sdk/hmm-api'
import { control, createBackend, createSimulation } from '@hmm-sdk/backend-sim'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Scene } from '../../hmm-api/src/conformance/harness/scene.js'

let t: Scene
let backend: Backend
const open = () => openBackend({ backend: createBackend, config: false })
const memory = () => control(backend).memory

beforeEach(async () => {
  backend = await open()
  t = await Scene.open(backend, open)
})

afterEach(async () => {
  expect(control(backend).problems()).toEqual([])
  await t.close()
  await backend.close()
  expect(backend.leaks).toEqual([])
})

/** Written pages that are watched, and mapped for the device. */
async function mapped(pages: number) {
  const range = await t.mmap(pages)
  await t.fill(range, 1)
  const watch = await t.watch(range)
  return { range, watch, device: await watch.map('write') }
}

/** Whether `promise` is still open after everything that can run has run. */
async function pending(promise: Promise<unknown>): Promise<boolean> {
  let open = true
  void promise.catch(() => {}).finally(() => (open = false))
  await new Promise((resolve) => setImmediate(resolve))
  return open
}

describe('fork', () => {
  test('the child has page tables down to the level that the parent has', async () => {
    // The parent's only page is in the first block, the mapping that a fork copies in the second.
    const place = await t.mmap(1024)
    const first = 512 - (place.startPage % 512)
    const second = place.slice(first + 8, 8)
    await t.space.mprotect(place, 'none')
    await t.space.mprotect(place.slice(first - 8, 16), 'rw')
    await t.poke(place.page(first - 4), 0, 1)
    await t.space.munmap(place.slice(first - 8, 8))
    const child = await t.fork()
    const watch = await t.watch(second, { space: child })
    await child.mprotect(second, 'r')
    expect(await watch.seen()).toEqual(['protection-vma 0-7'])
  })
})

describe('page fault', () => {
  test('beyond the end of a file makes no page table: requests count together as before', async () => {
    const file = t.own(await t.space.createFile({ pages: 1024 }))
    const place = await t.mmap(1024, { file, shared: true })
    const first = 512 - (place.startPage % 512)
    await file.truncate(first + 3)
    await expect(t.peek(place.page(first + 9), 0)).rejects.toMatchObject({ code: 'EFAULT' })
    const watch = await t.watch(place.slice(first, 3))
    const perPage = new Map([[1, 'read']] as const)
    expect(await watch.fault({ request: 'none', perPage })).toEqual(['write', 'write', 'write'])
  })

  test('a write to a swapped page copies it in the same fault', async () => {
    const file = t.own(await t.space.createFile({ pages: 1 }))
    const range = await t.mmap(2, { file })
    await t.poke(range, 0, 1)
    await t.space.madvise(range.page(0), 'pageout')
    await t.fork()
    const watch = await t.watch(range)
    await expect(watch.map('write')).rejects.toMatchObject({ code: 'EFAULT', page: 1 })
    expect([await watch.snapshot(), await watch.seen()]).toEqual([['write', 'none'], ['clear 0']])
  })
})

describe('NUMA balancing scan', () => {
  test('PROTECTION_VMA; the pages are not valid, and a fault of either kind gives all back', async () => {
    const { range, watch, device } = await mapped(3)
    expect(await memory().numaScan(t.space, range.slice(0, 2))).toBe(2)
    expect(await watch.seen()).toEqual(['protection-vma 0-1'])
    expect(await watch.snapshot()).toEqual(['none', 'none', 'write'])
    await expect(device.poke(0, 9)).rejects.toMatchObject({ code: 'EFAULT' })
    await watch.forget()
    expect(await watch.fault('read', range.page(0))).toEqual(['write'])
    expect(await watch.fault('write', range.page(1))).toEqual(['write'])
    expect(await t.contents(range)).toEqual([1, 2, 3])
    expect(await watch.seen()).toEqual([])
  })

  test('a CPU write after it, a zero page and a shared page', async () => {
    const range = await t.mmap(3)
    await t.poke(range, 0, 1)
    await t.peek(range, 1)
    await t.poke(range, 2, 3)
    await memory().numaScan(t.space, range)
    const watch = await t.watch(range)
    expect(await watch.snapshot()).toEqual(['none', 'read', 'none'])
    await t.poke(range, 0, 7)
    await t.fork()
    expect(await t.contents(range)).toEqual([7, 0, 3])
    await memory().numaScan(t.space, range)
    expect(await watch.snapshot()).toEqual(['read', 'read', 'read'])
  })

  test('mprotect undoes it', async () => {
    const { range, watch } = await mapped(1)
    await memory().numaScan(t.space, range)
    await t.space.mprotect(range, 'r')
    expect(await watch.snapshot()).toEqual(['read'])
  })
})

describe('clear_refs', () => {
  test('SOFT_DIRTY over everything; a write takes the right back without an event', async () => {
    const { range, watch, device } = await mapped(2)
    const elsewhere = await t.watch(await t.mmap(2))
    await memory().clearRefs(t.space)
    expect(await watch.seen()).toEqual(['soft-dirty 0-1'])
    expect(await elsewhere.seen()).toEqual(['soft-dirty 0-1'])
    expect(await watch.snapshot()).toEqual(['read', 'read'])
    await expect(device.poke(0, 9)).rejects.toMatchObject({ code: 'EFAULT' })
    await watch.forget()
    expect(await watch.fault('write')).toEqual(['write', 'write'])
    expect(await watch.seen()).toEqual([])
    expect(await t.contents(range)).toEqual([1, 2])
  })

  test('a pinned page stays writable', async () => {
    const { range, watch } = await mapped(2)
    const pin = control(backend).pin(t.space, range.page(0))
    await memory().clearRefs(t.space)
    pin.unpin()
    expect(await watch.snapshot()).toEqual(['write', 'read'])
  })
})

describe('KSM', () => {
  test('CLEAR for the write protection and the replacement; a write copies', async () => {
    const range = await t.mmap(4)
    for (const index of [0, 1, 3]) await t.poke(range, index, 5)
    await t.poke(range, 2, 6)
    const watch = await t.watch(range)
    const raised: string[] = []
    const counting = await t.watch(range, {
      invalidate: (event) => void raised.push(`${event.kind} ${pageOf(range, event.range)}`),
    })
    await counting.map('write')
    expect(await memory().mergePages(t.space, range)).toBe(2)
    // 1 becomes the shared page, 0 and 3 are write-protected and replaced; 2 was only looked at.
    expect(raised).toEqual(['clear 1', 'clear 0', 'clear 0', 'clear 3', 'clear 3'])
    expect(await watch.snapshot()).toEqual(['read', 'read', 'write', 'read'])
    const frames = await watch.commit((pages) => [0, 1, 3].map((index) => pages.frame(index)))
    expect(new Set(frames).size).toBe(1)
    await watch.forget()
    await t.poke(range, 0, 9)
    expect(await watch.seen()).toEqual(['clear 0'])
    expect(await watch.fault('write', range.page(3))).toEqual(['write'])
    expect(await watch.fault('write', range.page(1))).toEqual(['write'])
    expect(await t.contents(range)).toEqual([9, 5, 6, 5])
  })

  test('merged pages can be reclaimed, moved, forked and migrated', async () => {
    const range = await t.mmap(3)
    for (const index of [0, 1, 2]) await t.poke(range, index, 5)
    await memory().mergePages(t.space, range)
    const child = await t.fork()
    expect(await memory().compact(t.space, range)).toBe(1)
    expect(control(backend).problems()).toEqual([])
    expect(await t.contents(range, child)).toEqual([5, 5, 5])
    await t.poke(range, 0, 7)
    expect(await memory().reclaim(t.space, range)).toBeGreaterThan(0)
    expect(await t.contents(range)).toEqual([7, 5, 5])
    expect(await t.contents(range, child)).toEqual([5, 5, 5])
  })

  test('a pinned page is not merged', async () => {
    const range = await t.mmap(2)
    for (const index of [0, 1]) await t.poke(range, index, 5)
    const pin = control(backend).pin(t.space, range)
    expect(await memory().mergePages(t.space, range)).toBe(0)
    pin.unpin()
    expect(await (await t.watch(range)).snapshot()).toEqual(['write', 'write'])
  })
})

describe('compaction', () => {
  test('CLEAR; the pages have other frames and the same bytes', async () => {
    const { range, watch, device } = await mapped(2)
    const framesOf = () => watch.commit((pages) => [pages.frame(0), pages.frame(1)])
    const before = await framesOf()
    expect(await memory().compact(t.space, range)).toBe(2)
    expect(await watch.seen()).toEqual(['clear 0-1'])
    const after = await framesOf()
    expect(after).not.toEqual(before)
    await expect(device.poke(0, 9)).rejects.toMatchObject({ code: 'EFAULT' })
    expect(await watch.snapshot()).toEqual(['write', 'write'])
    expect(await t.contents(range)).toEqual([1, 2])
  })

  test('during it: snapshots see nothing, device faults and CPU accesses wait', async () => {
    const { range, watch } = await mapped(2)
    const move = await memory().beginMove(t.space, range)
    expect(await watch.snapshot()).toEqual(['none', 'none'])
    const fault = watch.fault('write')
    const read = t.contents(range)
    expect(await pending(fault)).toBe(true)
    expect(await pending(read)).toBe(true)
    expect(await move.finish()).toBe(2)
    expect(await fault).toEqual(['write', 'write'])
    expect(await read).toEqual([1, 2])
    expect(await move.finish()).toBe(0)
  })

  test('the process unmaps, forks or exits during it', async () => {
    const { range } = await mapped(3)
    const move = await memory().beginMove(t.space, range)
    await t.space.munmap(range.page(0))
    const child = await t.fork()
    await move.finish()
    expect(await t.contents(range.slice(1, 2))).toEqual([2, 3])
    await t.poke(range, 1, 8)
    expect(await t.contents(range.slice(1, 2), child)).toEqual([2, 3])
    const other = await memory().beginMove(child, range.slice(1, 2))
    await child.exit()
    await other.finish()
  })

  test('a pinned page hears of it and stays; a page of a file moves in its cache', async () => {
    const { range, watch } = await mapped(1)
    const pin = control(backend).pin(t.space, range)
    expect(await memory().compact(t.space, range)).toBe(0)
    pin.unpin()
    expect(await watch.seen()).toEqual(['clear 0'])
    const file = t.own(await t.space.createFile({ pages: 2 }))
    const one = await t.mmap(2, { file, shared: true })
    const other = await t.mmap(2, { file, shared: true })
    await t.fill(one, 3)
    await t.contents(other)
    const otherWatch = await t.watch(other)
    expect(await memory().compact(t.space, one)).toBe(2)
    expect(await otherWatch.seen()).toEqual(['clear 0-1'])
    await t.poke(one, 1, 9)
    expect(await t.contents(other)).toEqual([3, 9])
  })
})

describe('hwpoison', () => {
  test('CLEAR; nothing in a snapshot, EFAULT for a fault and for the CPU', async () => {
    const { range, watch, device } = await mapped(2)
    expect(await memory().poison(t.space, range.page(0))).toBe(1)
    expect(await watch.seen()).toEqual(['clear 0'])
    expect(await watch.snapshot()).toEqual(['none', 'write'])
    await expect(device.poke(0, 9)).rejects.toMatchObject({ code: 'EFAULT' })
    await expect(watch.fault('read')).rejects.toMatchObject({ code: 'EFAULT', page: 0 })
    await expect(t.peek(range, 0)).rejects.toMatchObject({ code: 'EFAULT' })
    await t.space.madvise(range.page(0), 'dontneed')
    expect(await t.contents(range)).toEqual([0, 2])
  })

  test('every mapping of the page, and later mappings of a file', async () => {
    const file = t.own(await t.space.createFile({ pages: 1 }))
    const one = await t.mmap(1, { file, shared: true })
    const other = await t.mmap(1, { file, shared: true })
    await t.fill(one, 1)
    await t.fill(other, 1)
    const watch = await t.watch(other)
    await memory().poison(t.space, one)
    expect(await watch.seen()).toEqual(['clear 0'])
    expect(await watch.snapshot()).toEqual(['none'])
    const late = await t.watch(await t.mmap(1, { file, shared: true }))
    expect(await late.snapshot()).toEqual(['none'])
    await expect(late.fault('read')).rejects.toMatchObject({ code: 'EFAULT' })
    await file.punchHole(0, 1)
    expect(await late.fault('read')).toEqual(['write'])
  })

  test('the child inherits the poison', async () => {
    const { range } = await mapped(1)
    await memory().poison(t.space, range)
    const child = await t.fork()
    await expect(t.peek(range, 0, child)).rejects.toMatchObject({ code: 'EFAULT' })
  })
})

describe('writeback', () => {
  test('PROTECTION_PAGE for every shared mapping; private copies hear nothing', async () => {
    const file = t.own(await t.space.createFile({ pages: 2 }))
    const one = await t.mmap(2, { file, shared: true })
    const other = await t.mmap(2, { file, shared: true })
    const copy = await t.mmap(2, { file })
    await t.fill(one, 1)
    await t.fill(other, 1)
    await t.contents(copy)
    const watches = [await t.watch(one), await t.watch(other), await t.watch(copy)]
    expect(await memory().writeback(t.space, one.page(1))).toBe(1)
    const seen = await Promise.all(watches.map((watch) => watch.seen()))
    expect(seen).toEqual([['protection-page 1'], ['protection-page 1'], []])
    expect(await watches[1]!.snapshot()).toEqual(['write', 'read'])
    await watches[1]!.forget()
    expect(await watches[1]!.fault('write')).toEqual(['write', 'write'])
    expect(await watches[1]!.seen()).toEqual([])
  })
})

describe('OOM reaper', () => {
  test('CLEAR that cannot wait, shared memory stays, nothing faults in any more', async () => {
    const { range, watch, device } = await mapped(2)
    const shared = await t.mmap(1, { shared: true })
    await t.poke(shared, 0, 4)
    const sharedWatch = await t.watch(shared)
    expect(await memory().oomReap(t.space)).toBe(0)
    expect(watch.events.map(({ kind, blockable }) => [kind, blockable])).toEqual([['clear', false]])
    expect(sharedWatch.events).toEqual([])
    await expect(device.poke(0, 9)).rejects.toMatchObject({ code: 'EFAULT' })
    await expect(watch.snapshot()).rejects.toMatchObject({ code: 'EFAULT' })
    await expect(t.peek(range, 0)).rejects.toMatchObject({ code: 'EFAULT' })
    expect(await t.peek(shared, 0)).toBe(4)
    await t.space.kill()
    await watch.whenReleased()
  })

  test('Linux 6.12 calls it UNMAP', async () => {
    const old = await openBackend({ backend: createSimulation({ kernel: '6.12' }) })
    const space = await old.createAddressSpace()
    const device = await old.openDevice('demo')
    const range = await space.mmap({ pages: 1, populate: true })
    const kinds: string[] = []
    await device.mirror(space, range, { invalidate: (event) => void kinds.push(event.kind) })
    await space.oomReap()
    expect(kinds).toEqual(['unmap'])
    await old.close()
  })

  test('a mapping whose driver is inside a commit is left alone', async () => {
    const range = await t.mmap(1)
    await t.fill(range, 3)
    const watch = await t.watch(range)
    let reaping: Promise<number> | undefined
    await watch.mirror.map<void>(range, { access: 'write' }, () => {
      reaping = memory().oomReap(t.space)
    })
    expect(await reaping).toBe(1)
    expect(watch.events).toEqual([])
    expect(await t.peek(range, 0)).toBe(3)
    expect(await memory().oomReap(t.space)).toBe(0)
    expect(watch.events.length).toBe(1)
    await t.space.kill()
  })
})

describe('guards', () => {
  test('CLEAR only if something was there; nothing in a snapshot, EFAULT for a fault', async () => {
    const { range, watch } = await mapped(3)
    await memory().guard(t.space, range.page(1))
    expect(await watch.seen()).toEqual(['clear 1'])
    await watch.forget()
    await memory().guard(t.space, range.page(1))
    expect(await watch.seen()).toEqual([])
    expect(await watch.snapshot()).toEqual(['write', 'none', 'write'])
    await expect(watch.fault('read')).rejects.toMatchObject({ code: 'EFAULT', page: 1 })
    await expect(t.peek(range, 1)).rejects.toMatchObject({ code: 'EFAULT' })
    await t.space.madvise(range, 'dontneed')
    await expect(t.peek(range, 1)).rejects.toMatchObject({ code: 'EFAULT' })
    await memory().unguard(t.space, range)
    expect(await t.contents(range)).toEqual([0, 0, 0])
  })

  test('the child inherits them, also of memory that was never touched', async () => {
    const range = await t.mmap(1)
    await memory().guard(t.space, range)
    const child = await t.fork()
    await expect(t.peek(range, 0, child)).rejects.toMatchObject({ code: 'EFAULT' })
    await t.space.munmap(range)
  })
})

function pageOf(whole: VirtualRange, part: VirtualRange): number {
  return part.startPage - whole.startPage
}

describe('locked pages', () => {
  test('are not reclaimed, from whichever process', async () => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    await t.space.mlock(range.page(0))
    const child = await t.fork()
    const watch = await t.watch(range)
    expect(await control(backend).reclaim(child, range)).toBe(1)
    expect(await watch.seen()).toEqual(['clear 1'])
    expect(await t.contents(range, child)).toEqual([1, 2])
    await t.space.munlock(range.page(0))
    expect(await control(backend).reclaim(child, range.page(0))).toBe(1)
    expect(await watch.seen()).toEqual(['clear 0-1'])
  })

  test('mlock waits for who serves the pages', async () => {
    const range = await t.mmap(2)
    const served = t.own(await t.space.userfaultfd(range, { missing: true }))
    const locking = t.space.mlock(range)
    expect(await pending(locking)).toBe(true)
    await served.copy(range, new Uint8Array(2 * t.pageSize).fill(3))
    await locking
    expect(await t.contents(range)).toEqual([3, 3])
  })
})

describe('a stack', () => {
  test('grows to 8 MiB and no further (RLIMIT_STACK)', async () => {
    const room = await t.mmap(3000)
    await t.space.munmap(room)
    await t.space.mmap({ pages: 1, at: room.page(2999).start, growsDown: true })
    const limit = 8 * 2 ** 20 * (1 / t.pageSize)
    await expect(t.poke(room, 2999 - limit, 1)).rejects.toMatchObject({ code: 'EFAULT' })
    await t.poke(room, 3000 - limit, 1)
    expect(await t.peek(room, 3000 - limit)).toBe(1)
  })

  test('has room below that nobody is given', async () => {
    const stack = await t.mmap(1, { growsDown: true })
    const beside = await t.mmap(1)
    expect(stack.startPage - beside.endPage).toBeGreaterThanOrEqual(256)
  })
})
