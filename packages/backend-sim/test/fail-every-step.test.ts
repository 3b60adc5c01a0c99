import { failEveryStep, failStep, type FailScenario } from '@hmm-sdk/backend-sim/explore'
import type { AddressSpace, Device, DmaAddress, Mirror, VirtualRange } from '@hmm-sdk/hmm-api'
import { expect, test, vi } from 'vitest'

vi.setConfig({ testTimeout: 120_000 })

/** A driver that lets its device write to memory of a process; what is broken is in `open`. */
class Driver {
  readonly table = new Map<number, DmaAddress>()

  constructor(
    readonly device: Device,
    readonly space: AddressSpace,
    readonly range: VirtualRange,
  ) {}

  watch(): Promise<Mirror> {
    const invalidate = (): void => this.table.clear()
    return this.device.mirror(this.space, this.range, { invalidate })
  }

  map(mirror: Mirror): Promise<void> {
    return mirror.map(this.range, { access: 'write' }, (mapping) => {
      for (let page = 0; page < mapping.pages; page++) {
        this.table.set(page, mapping.dmaAddress(page))
      }
    })
  }

  async write(bytes: Uint8Array): Promise<void> {
    const address = this.table.get(0)
    if (address !== undefined) await this.device.engine.write(address, bytes)
  }
}

type Open = (driver: Driver) => Promise<Mirror>

const good: Open = async (driver) => {
  const mirror = await driver.watch()
  try {
    await driver.map(mirror)
    return mirror
  } catch (error) {
    await mirror.close()
    throw error
  }
}

/** Opens the driver, lets the device write, looks at the bytes, closes all. */
function scenario(open: Open): FailScenario {
  return async ({ backend, step }) => {
    await using space = await step('start', () => backend.createAddressSpace())
    await using device = await step('probe', () => backend.openDevice('demo'))
    const range = await step('mmap', () => space.mmap({ pages: 2 }))
    await step('cpu write', () => space.write(range.start, Uint8Array.of(1, 2, 3)))
    const driver = new Driver(device, space, range)
    await using _mirror = await step('open', () => open(driver))
    await step('device write', () => driver.write(Uint8Array.of(9)))
    const bytes = await step('cpu read', () => space.read(range.start, 3))
    expect([...bytes]).toEqual([9, 2, 3])
  }
}

test('a driver that does it right passes, and every pass of every point was made to fail', async () => {
  const report = await failEveryStep(scenario(good), { name: 'good' })
  expect(report).toMatchObject({ name: 'good', ok: true, findings: [] })
  const passes = Object.fromEntries(report.points.map((each) => [each.point, each.passes]))
  expect(passes).toMatchObject({
    'process-start': 1,
    'device-open': 1,
    mapping: 1,
    'process-io': 2,
    notifier: 1,
    frame: 2,
    fault: 1,
    link: 2,
    transfer: 1,
  })
  expect(report.passes).toBe(Object.values(passes).reduce((sum, each) => sum + each, 0))
  expect(report.pairs.run).toBe(report.pairs.of)
  // A run with a first failure reaches at least what is left, and what is done again.
  expect(report.pairs.of).toBeGreaterThan((report.passes * (report.passes - 1)) / 2)
  expect(report.runs).toBe(report.passes + report.pairs.run)
  for (const { outcomes, passes: count } of report.points) {
    expect(outcomes.told + outcomes.retried + outcomes.absorbed).toBe(count)
  }
  expect(report.points.find(({ point }) => point === 'link')).toMatchObject({
    outcomes: { told: 2 },
    errors: [expect.stringMatching(/^open: ENOMEM/), expect.stringContaining('page 1')],
  })
  expect(report.table).toMatch(/^good: \d+ points failed one by one, \d+ pairs/)
})

test('equal sweeps give equal reports', async () => {
  const first = await failEveryStep(scenario(good), { pairs: 20 })
  const second = await failEveryStep(scenario(good), { pairs: 20 })
  const { seconds: _s, table: _t, ...rest } = first
  expect(second).toMatchObject(rest)
  expect(first.pairs).toMatchObject({ run: 20 })
})

test('only the points that were asked for fail', async () => {
  const report = await failEveryStep(scenario(good), { points: ['notifier'], pairs: 0 })
  expect(report).toMatchObject({ passes: 1, runs: 1, pairs: { run: 0 } })
  expect(report.points.map(({ point }) => point)).toEqual(['notifier'])
})

const BROKEN: readonly { name: string; check: string; message: RegExp; open: Open }[] = [
  {
    name: 'forgets what it has when the second step fails',
    check: 'leak',
    message: /mirror/,
    open: async (driver) => {
      const mirror = await driver.watch()
      await driver.map(mirror)
      return mirror
    },
  },
  {
    name: 'says nothing of a failure and goes on',
    check: 'assertion',
    message: /to deeply equal/,
    open: async (driver) => {
      const mirror = await driver.watch()
      await driver.map(mirror).catch(() => undefined)
      return mirror
    },
  },
  {
    name: 'stumbles in its error path',
    check: 'wrong-error',
    message: /TypeError/,
    open: async (driver) => {
      let mirror: Mirror | undefined
      try {
        const watching = await driver.watch()
        await driver.map(watching)
        return (mirror = watching)
      } catch {
        await mirror!.close()
        throw new Error('not reached')
      }
    },
  },
  {
    name: 'waits for what the failure prevented',
    check: 'stuck',
    message: /never comes/,
    open: async (driver) => {
      const mirror = await driver.watch()
      const mapped = driver.device.sync.completion('mapped')
      void driver.map(mirror).then(
        () => mapped.complete(),
        () => undefined,
      )
      await mapped.wait()
      return mirror
    },
  },
  {
    name: 'polls for ever',
    check: 'stuck',
    message: /never comes/,
    open: async (driver) => {
      const mirror = await driver.watch()
      void driver.map(mirror).catch(() => undefined)
      while (!driver.table.has(1)) await driver.device.clock.sleep(1)
      return mirror
    },
  },
  {
    name: 'tells its device an address that it has given up',
    check: 'checker',
    message: /unmapped|use after/i,
    open: async (driver) => {
      const buffer = await driver.device.dma.allocBuffer({ bytes: 64 })
      const mapping = driver.device.dma.map(buffer, { direction: 'to-device' })
      try {
        return await good(driver)
      } catch (error) {
        const address = mapping.dmaAddress(0)
        await mapping.close()
        await driver.device.engine.read(address, 8).catch(() => undefined)
        throw error
      } finally {
        await mapping.close()
        await buffer.close()
      }
    },
  },
]

test.each(BROKEN)('found: a driver that $name', async ({ open, check, message }) => {
  const report = await failEveryStep(scenario(open), { pairs: 0 })
  const found = report.findings.filter((each) => each.check === check)
  expect(found, report.table).not.toEqual([])
  expect(found.map((each) => each.message).join('\n')).toMatch(message)
  expect(report.ok).toBe(false)
  expect(report.table).toContain(`${check} after pass`)
  // A finding names the failures that lead to it again.
  const again = await failStep(scenario(open), found[0]!.failures)
  expect(again).toContainEqual(found[0])
})

test('found: an error that nobody handles', async () => {
  const listeners = process.listeners('unhandledRejection')
  const open: Open = async (driver) => {
    const mirror = await driver.watch()
    await driver.map(mirror)
    // Sooner or later the device needs the first page again; nobody waits for it.
    void mirror.map(driver.range.slice(0, 1), { access: 'write' }, () => undefined)
    return mirror
  }
  const { findings } = await failEveryStep(scenario(open), { pairs: 0 })
  expect(findings).toContainEqual(
    expect.objectContaining({ check: 'unhandled', failures: [{ point: 'link', nth: 3 }] }),
  )
  expect(process.listeners('unhandledRejection')).toEqual(listeners)
})

test('found: a scenario that is not the same every time', async () => {
  let runs = 0
  const report = await failEveryStep(
    async ({ backend }) => {
      const space = await backend.createAddressSpace()
      if (runs++ === 0) await space.mmap({ pages: 1 })
      await space.close()
    },
    { points: ['mapping'] },
  )
  expect(report.findings).toMatchObject([{ check: 'nondeterminism' }])
})

test('a scenario without steps is told by its error, and closes what it opened', async () => {
  const closes: FailScenario = async ({ backend, race }) => {
    await using space = await backend.createAddressSpace()
    const range = await space.mmap({ pages: 1 })
    await race({
      writer: () => space.write(range.start, Uint8Array.of(1)),
      reader: () => space.read(range.start, 1),
    })
  }
  const report = await failEveryStep(closes)
  expect(report).toMatchObject({ ok: true, passes: 6 })
  const outcomes = report.points.map((each) => each.outcomes)
  expect(outcomes.reduce((sum, each) => sum + each.told, 0)).toBe(report.passes)
  const leaky: FailScenario = async ({ backend }) => {
    const space = await backend.createAddressSpace()
    await space.mmap({ pages: 1 })
    await space.close()
  }
  const { findings } = await failEveryStep(leaky)
  expect(findings).toMatchObject([
    { check: 'leak', failures: [{ point: 'mapping', nth: 1 }], message: /address-space/ },
  ])
})

test('a scenario that fails by itself is refused', async () => {
  const failing: FailScenario = () => {
    throw new Error('by itself')
  }
  await expect(failEveryStep(failing)).rejects.toThrow(/has to pass.*by itself/)
})
