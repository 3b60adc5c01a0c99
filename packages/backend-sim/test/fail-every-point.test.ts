import { HmmError, openBackend } from '@hmm-sdk/hmm-api'
import { control, createBackend, FAILURE_POINTS, type FailurePoint } from '@hmm-sdk/backend-sim'
import { expect, test } from 'vitest'

/** A bit of everything; `tolerate` lets a step fail with an HmmError, and nothing else. */
async function scenario(fail?: { point: FailurePoint; n: number }) {
  const config = { devices: { legacy: { sim: { dma: { shape: 'swiotlb' } } } } }
  const backend = await openBackend({ backend: createBackend, config })
  const lever = control(backend)
  const errors: string[] = []
  const tolerate = async <T>(step: () => Promise<T> | T): Promise<T | undefined> => {
    try {
      return await step()
    } catch (error) {
      if (!HmmError.is(error)) throw error
      errors.push(error.code)
      return undefined
    } finally {
      expect(lever.problems()).toEqual([])
    }
  }
  // Opens are tried again: a failure passes.
  const insist = async <T>(step: () => Promise<T>): Promise<T> => (await tolerate(step)) ?? step()
  if (fail !== undefined) lever.failNth(fail.point, fail.n)
  const space = await insist(() => backend.createAddressSpace())
  const device = await insist(() => backend.openDevice('demo'))
  const legacy = await insist(() => backend.openDevice('legacy'))
  const range = await insist(() => space.mmap({ pages: 6 }))
  for (let i = 0; i < 6; i++)
    await tolerate(() => space.write(range.page(i).start, Uint8Array.of(i)))
  const mirror = await tolerate(() => device.mirror(space, range, { invalidate: () => {} }))
  const map = () => mirror?.map(range, { access: 'write' }, (mapping) => mapping.dmaAddress(0))
  await tolerate(map)
  const child = await tolerate(() => space.fork())
  await tolerate(map)
  await tolerate(() => mirror && device.memory.migrate(mirror, range.slice(1, 4), { to: 'device' }))
  const address = await tolerate(map)
  if (address !== undefined) {
    const read = await tolerate(() => device.engine.read(address, 1))
    if (read !== undefined) expect(read[0]).toBe(0)
  }
  await tolerate(() => mirror && device.memory.migrate(mirror, range.slice(1, 2), { to: 'system' }))
  await tolerate(() => mirror?.exclusive(range.page(5), {}, () => {}))
  const buffer = await tolerate(() => device.dma.allocBuffer({ bytes: 10_000 }))
  const mapping = await tolerate(() => {
    return buffer && device.dma.map(buffer, { direction: 'bidirectional' })
  })
  const bounced = await tolerate(() => legacy.dma.allocBuffer({ bytes: 100 }))
  const bouncedMapping = await tolerate(() => {
    return bounced && legacy.dma.map(bounced, { direction: 'to-device' })
  })
  const coherent = await tolerate(() => device.dma.allocCoherent({ bytes: 4096 }))
  const window = await tolerate(() => device.dma.openWindow({ pages: 4 }))
  await tolerate(() => space.madvise(range, 'pageout'))
  // Whatever failed, nobody's data changed: a write that failed left zeros.
  const values = []
  for (let i = 0; i < 6; i++) {
    const bytes = await tolerate(() => space.read(range.page(i).start, 1))
    values.push(bytes?.[0])
    expect([undefined, 0, i]).toContain(bytes?.[0])
  }
  await child?.close()
  await mapping?.close()
  await buffer?.close()
  await bouncedMapping?.close()
  await bounced?.close()
  await coherent?.close()
  await window?.close()
  await mirror?.close()
  await space.close()
  await legacy.close()
  await device.close()
  const reached = lever.reached()
  await backend.close()
  expect(backend.report().leaks).toEqual([])
  return { reached, errors, values }
}

test('every point that can fail is passed, and nothing fails by itself', async () => {
  const { reached, errors, values } = await scenario()
  expect(errors).toEqual([])
  expect(values).toEqual([0, 1, 2, 3, 4, 5])
  for (const point of FAILURE_POINTS) expect(reached[point], point).toBeGreaterThan(0)
})

for (const point of FAILURE_POINTS) {
  test(`each pass of '${point}' fails once: nothing leaks, nothing is lost`, async () => {
    const { reached } = await scenario()
    for (let n = 1; n <= reached[point]; n++) await scenario({ point, n })
  })
}
