// Each step of the module that can fail, failed once while a driver does a bit of everything: the error reaches
// the caller, the same call succeeds the next time, no byte is wrong, and nothing is left.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { HmmError, openBackend } from '@hmm-sdk/hmm-api'
import { finish, skip, test } from './check.mjs'
import { counted, failStep, startCounting, stopCounting, whyNoSteps } from './module-steps.mjs'
import { saveResult } from './suite.mjs'

const noSteps = whyNoSteps()
const references = () => Number(readFileSync('/sys/module/hmm_sdk/refcnt', 'utf8'))
const sum = (counts) => Object.values(counts).reduce((all, count) => all + count, 0)
let usual

await test('a run in which nothing fails passes the steps of the module', async () => {
  if (noSteps !== undefined) skip(noSteps)
  usual = (await run()).passed
  console.log(`# ${sum(usual)} steps: ${JSON.stringify(usual)}`)
  for (const step of ['alloc', 'notifier', 'iova', 'link', 'fault', 'buffer', 'map', 'transfer']) {
    assert.ok(usual[step] > 0, `${step} is passed`)
  }
})

const outcomes = {}
for (const [step, passes] of Object.entries(usual ?? {})) {
  if (passes === 0) continue
  await test(`each of ${passes} passes of '${step}' fails once`, async () => {
    const told = []
    outcomes[step] = { passes, told: 0, absorbed: 0 }
    for (let nth = 1; nth <= passes; nth++) {
      const { failed, errors } = await run(step, nth)
      assert.deepEqual(failed, { ...failed, [step]: 1 }, `pass ${nth} failed, and nothing else did`)
      outcomes[step][errors.length > 0 ? 'told' : 'absorbed']++
      told.push(...errors)
    }
    console.log(`# ${step}: ${JSON.stringify(outcomes[step])} ${[...new Set(told)].join('; ')}`)
  })
}

await test('what only delays is absorbed, everything else is told', () => {
  // A map that fails without waiting is tried once more, by a thread that may wait.
  const triedAgain = ['alloc', 'answer', 'fault', 'link']
  if (usual === undefined) skip(noSteps ?? 'the first run failed')
  for (const [step, { told, passes }] of Object.entries(outcomes)) {
    // The kernel itself tries again when a page is busy.
    if (step === 'exclusive') assert.equal(told, 0, step)
    else if (triedAgain.includes(step)) assert.ok(told > 0, step)
    else assert.equal(told, passes, step)
  }
})

await test('switched off, nothing fails and nothing is counted', async () => {
  if (noSteps !== undefined) skip(noSteps)
  stopCounting()
  assert.throws(() => failStep('alloc', 1), /ENODATA/)
  await drive([])
  assert.equal(sum(counted('passed')), 0)
})
saveResult('fail-every-step', outcomes)
finish()

/** One run with the `nth` pass of `step` failing, or with none. */
async function run(step, nth) {
  startCounting()
  if (step !== undefined) failStep(step, nth)
  const errors = []
  await drive(errors)
  const result = { passed: counted('passed'), failed: counted('failed'), errors }
  stopCounting()
  assert.equal(references(), 0, 'nothing holds the module')
  return result
}

/** A bit of everything. A call that fails is noted in `errors` and done again, once. */
async function drive(errors) {
  const step = async (name, work) => {
    try {
      return await work()
    } catch (error) {
      if (!HmmError.is(error)) throw error
      errors.push(`${name}: ${error.code}`)
      return work()
    }
  }
  const backend = await openBackend({ backend: 'kernel', config: {} })
  try {
    const space = await step('start', () => backend.createAddressSpace())
    const device = await step('open', () => backend.openDevice('demo'))
    await mirrored(step, space, device)
    await buffers(step, device)
    const { pagesMapped, pagesUnmapped } = backend.counters()
    assert.equal(pagesMapped, pagesUnmapped, 'all that was mapped was unmapped')
    await device.close()
    await space.close()
    assert.deepEqual([...device.leaks, ...space.leaks], [])
  } finally {
    await backend.close()
  }
  assert.deepEqual(backend.report(), { leaks: [], misuses: [] })
}

async function mirrored(step, space, device) {
  const { engine, capabilities } = device
  const range = await space.mmap({ pages: 4 })
  const word = Uint8Array.of(1, 2, 3, 4)
  for (let page = 0; page < 3; page++) await space.write(range.page(page).start, word)
  const dropped = new Set()
  const mirror = await step('mirror', () =>
    device.mirror(space, range, { invalidate: (event) => void dropped.add(event.range.startPage) }),
  )
  await step('fault', async () => {
    const pages = await mirror.fault(range, { access: 'read' })
    assert.ok(mirror.commit(pages, (each) => assert.ok(each.valid(0))))
  })
  const map = (name, part, access) =>
    step(name, () =>
      mirror.map(part, { access }, (mapping) =>
        Array.from({ length: part.pages }, (_, page) => mapping.dmaAddress(page)),
      ),
    )
  const [first] = await map('map for reading', range.slice(0, 3), 'read')
  const bytes = await step('device read', () => engine.read(first, 4))
  assert.deepEqual([...bytes], [1, 2, 3, 4])
  await refused(step, 'write to what is mapped for reading', () => engine.write(first, word))
  // Raises the rights of three pages and faults the fourth.
  const addresses = await map('map for writing', range, 'write')
  await step('device write', () => engine.write(addresses[3], Uint8Array.of(9, 8, 7)))
  assert.deepEqual([...(await space.read(range.page(3).start, 4))], [9, 8, 7, 0])

  if (capabilities.get('exclusive').supported && capabilities.get('engine.atomics').supported) {
    const [address] = await step('exclusive', () =>
      mirror.exclusive(range.page(1), {}, (mapping) => [mapping.dmaAddress(0)]),
    )
    assert.equal(await step('fetch add', () => engine.fetchAdd(address, 5)), 0x04030201)
    assert.deepEqual([...(await space.read(range.page(1).start, 4))], [6, 2, 3, 4])
  }
  if (capabilities.get('memory').supported) {
    await step('migrate', async () => {
      const result = await device.memory.migrate(mirror, range.slice(0, 2), { to: 'device' })
      const stayed = result.count('no-memory')
      if (stayed > 0) throw new HmmError('ENOMEM', { message: `${stayed} pages stayed` })
    })
    const [moved] = await map('map device memory', range.slice(0, 2), 'write')
    await step('write to device memory', () => engine.write(moved, Uint8Array.of(7)))
    assert.deepEqual([...(await space.read(range.start, 4))], [7, 2, 3, 4])
  }
  await mirror.close()
  for (const address of addresses) {
    await refused(step, 'use after close', () => engine.read(address, 1))
  }
  await space.munmap(range)
}

/** A step that has to end with EFAULT. */
function refused(step, name, work) {
  return step(name, async () => {
    const [outcome] = await Promise.allSettled([work()])
    assert.equal(outcome.status, 'rejected', name)
    if (!HmmError.is(outcome.reason, 'EFAULT')) throw outcome.reason
  })
}

async function buffers(step, device) {
  const { dma, engine, capabilities } = device
  const buffer = await step('buffer', () => dma.allocBuffer({ bytes: 8192 }))
  buffer.write(0, Uint8Array.of(4, 5, 6))
  const mapping = await step('map', () => dma.map(buffer, { direction: 'bidirectional' }))
  await step('engine write', () => engine.write(mapping.dmaAddress(0), Uint8Array.of(3)))
  await mapping.close()
  assert.deepEqual([...buffer.read(0, 3)], [3, 5, 6])
  if (capabilities.get('dma.coherent').supported) {
    const coherent = await step('coherent', () => dma.allocCoherent({ bytes: 4096 }))
    await coherent.close()
  }
  if (capabilities.get('dma.window').supported) {
    const window = await step('window', () => dma.openWindow({ pages: 2 }))
    await step('link', () => window.link(buffer, { at: 0, direction: 'to-device' }))
    window.sync(0, 2)
    const seen = await step('read by window', () => engine.read(window.dmaAddress(0), 3))
    assert.deepEqual([...seen], [3, 5, 6])
    window.unlink(0, 2)
    await window.close()
  }
  await buffer.close()
}
