import {
  HmmError,
  openBackend,
  type Backend,
  type Mirror,
  type MirrorMapping,
} from '@hmm-sdk/hmm-api'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fakeBackend, type Fake } from './fake-backend.js'

let fake: Fake
let backend: Backend
let mirror: Mirror

beforeEach(async () => {
  fake = fakeBackend()
  backend = await openBackend({ backend: fake.raw, config: false })
  const space = await backend.createAddressSpace()
  const device = await backend.openDevice('demo')
  const range = await space.mmap({ pages: 4 })
  mirror = await device.mirror(space, range, { invalidate: () => undefined })
  fake.calls.length = 0
})

afterEach(() => backend.close())

describe.each([
  ['mirror.map', false],
  ['mirror.map that need not wait', true],
])('%s', (_, atOnce) => {
  beforeEach(() => {
    fake.atOnce = atOnce
  })

  it('maps, commits and returns what the commit returned', async () => {
    const pages = await mirror.map(mirror.range, { access: 'write' }, (mapping) =>
      [0, 1, 2, 3].map((index) => mapping.dmaPage(index)),
    )
    expect(pages).toEqual([0x500, 0x501, 0x502, 0x503])
    expect(fake.calls).toEqual(['map 0+4 write'])
  })

  it('undoes and tries again until a commit holds', async () => {
    fake.commits.push(false, false, true)
    let runs = 0
    await mirror.map(mirror.range, { access: 'read' }, () => void runs++)
    expect(runs).toBe(1)
    expect(fake.calls).toEqual(['map 0+4 read', 'undo', 'map 0+4 read', 'undo', 'map 0+4 read'])
  })

  it('undoes when the commit throws, and rethrows', async () => {
    const failure = new Error('of the driver')
    const mapping = mirror.map(mirror.range, { access: 'read' }, () => {
      throw failure
    })
    await expect(mapping).rejects.toBe(failure)
    expect(fake.calls).toEqual(['map 0+4 read', 'undo'])
  })

  it('undoes an asynchronous commit with EDEADLK', async () => {
    const commit = (async () => undefined) as unknown as (mapping: MirrorMapping) => void
    await expect(mirror.map(mirror.range, { access: 'read' }, commit)).rejects.toSatisfy((error) =>
      HmmError.is(error, 'EDEADLK'),
    )
    expect(fake.calls).toEqual(['map 0+4 read', 'undo'])
  })

  it('adds operation, range and backend to a raw failure', async () => {
    fake.mapFailure = new HmmError('EFAULT', { page: 2 })
    await expect(mirror.map(mirror.range, { access: 'read' }, () => 0)).rejects.toMatchObject({
      code: 'EFAULT',
      op: 'mirror.map',
      backend: 'fake',
      page: 2,
      range: mirror.range,
    })
  })

  it('ends when the process goes while the first attempt begins, and undoes that attempt', async () => {
    fake.duringMap = () => fake.mirror?.released()
    const mapping = mirror.map(mirror.range, { access: 'read' }, () => 0)
    await expect(mapping).rejects.toMatchObject({ code: 'ESRCH' })
    expect(fake.calls).toEqual(['map 0+4 read', 'undo'])
  })

  // Nobody waits for such an attempt: its failure must not end the program.
  it('ends so too when that attempt fails', async () => {
    fake.duringMap = () => fake.mirror?.released()
    fake.mapFailure = new HmmError('ESRCH', {})
    const mapping = mirror.map(mirror.range, { access: 'read' }, () => 0)
    await expect(mapping).rejects.toMatchObject({ code: 'ESRCH' })
  })

  it('passes other errors as they are', async () => {
    fake.mapFailure = new TypeError('a bug of the backend')
    await expect(mirror.map(mirror.range, { access: 'read' }, () => 0)).rejects.toBe(
      fake.mapFailure,
    )
  })

  it('refuses before the backend is asked', async () => {
    const map = mirror.map.bind(mirror)
    await expect(map(mirror.range, {} as never, () => 0)).rejects.toThrow(TypeError)
    await expect(map({} as never, { access: 'read' }, () => 0)).rejects.toThrow(TypeError)
    await mirror.close()
    await expect(map(mirror.range, { access: 'read' }, () => 0)).rejects.toMatchObject({
      code: 'EBADF',
    })
    expect(fake.calls).toEqual(['mirror.close'])
  })

  it('refuses more pages than the limit', async () => {
    const { space, device } = mirror
    const range = await space.mmap({ pages: 9 })
    const large = await device.mirror(space, range, { invalidate: () => undefined })
    await expect(large.map(range, { access: 'read' }, () => 0)).rejects.toMatchObject({
      code: 'EOVERFLOW',
    })
    await expect(large.map(range.slice(0, 8), { access: 'read' }, () => 0)).resolves.toBe(0)
  })

  it('commits before it returns where it need not wait', async () => {
    let committed = false
    const mapping = mirror.map(mirror.range, { access: 'read' }, () => void (committed = true))
    expect(committed).toBe(atOnce)
    await mapping
    expect(committed).toBe(true)
  })
})

describe('mirror.map that waits', () => {
  it('does not hand out pages of a process that ended meanwhile', async () => {
    const commit = () => 0
    const mapping = mirror.map(mirror.range, { access: 'read' }, commit)
    fake.mirror?.released()
    await expect(mapping).rejects.toMatchObject({ code: 'ESRCH' })
    expect(fake.calls).toContain('undo')
  })
})

describe('sections that may not wait', () => {
  it('are over when the commit is', async () => {
    await mirror.map(mirror.range, { access: 'read' }, () => {
      expect(() => mirror.unmap(mirror.range)).toThrow(expect.objectContaining({ code: 'EDEADLK' }))
    })
    mirror.unmap(mirror.range)
    expect(fake.calls).toContain('unmap 0+4')
  })

  it('are over when the commit throws', async () => {
    const failing = mirror.map(mirror.range, { access: 'read' }, () => {
      throw new Error('of the driver')
    })
    await expect(failing).rejects.toThrow('of the driver')
    await expect(mirror.space.mmap({ pages: 1 })).resolves.toBeDefined()
  })

  it('include the invalidate callback', async () => {
    const { device, space, range } = mirror
    let inner: Promise<unknown> | undefined
    const told = await device.mirror(space, range, {
      invalidate: (_event, of) => {
        inner = of.map(range, { access: 'read' }, () => 0)
        inner.catch(() => undefined)
      },
    })
    fake.mirror?.invalidate({
      kind: 'unmap',
      first: 1,
      pages: 2,
      self: false,
      blockable: true,
      coalesced: false,
    })
    await expect(inner).rejects.toMatchObject({ code: 'EDEADLK' })
    expect(told.callbackFailures).toEqual([])
  })
})

describe('a range fault', () => {
  it('is readable in its commit only, and committed once', async () => {
    const pages = await mirror.fault(mirror.range)
    expect(() => pages.valid(0)).toThrow(expect.objectContaining({ code: 'ESTALE' }))
    let seen: boolean[] = []
    expect(mirror.commit(pages, (each) => void (seen = [each.valid(0), each.writable(0)]))).toBe(
      true,
    )
    expect(seen).toEqual([true, false])
    expect(() => mirror.commit(pages, () => undefined)).toThrow(
      expect.objectContaining({ code: 'ESTALE' }),
    )
  })

  it('clips the order of a block to the range', async () => {
    const pages = await mirror.fault(mirror.range.slice(1, 3))
    let orders: number[] = []
    mirror.commit(pages, (each) => void (orders = [0, 1, 2].map((index) => each.order(index))))
    expect(orders).toEqual([0, 1, 1])
  })

  it('is not committed after an invalidation', async () => {
    const pages = await mirror.fault(mirror.range)
    fake.commits.push(false)
    expect(mirror.commit(pages, () => expect.unreachable())).toBe(false)
  })
})

describe('what is wrong is named', () => {
  it.each([
    [new Uint8Array(1 << 20), 'Uint8Array'],
    [{}, 'Object'],
    [Object.create(null), 'an object'],
    [() => 1, 'a function'],
    [1n, '1n'],
    ['1'.repeat(1000), `'${'1'.repeat(40)}…'`],
    [Symbol('s'), 'Symbol(s)'],
    [undefined, 'undefined'],
    [0.5, '0.5'],
  ])('shortly, not printed whole (%#)', async (length, name) => {
    const { space } = mirror
    await expect(space.read(mirror.range.start, length as number)).rejects.toThrow(
      new TypeError(`length is a whole number in 1..1073741824, not ${name}`),
    )
  })
})
