// What one ioctl, one event and one file write cost here: `node test/measure/ioctl-cost.mjs`. The ioctl is
// FIONREAD on /dev/null, which fails at once with ENOTTY: the way there and back, and nothing else.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const FIONREAD = 0x541b
const addon = createRequire(import.meta.url)(
  join(here, '../../prebuilds', `${process.platform}-${process.arch}`, 'hmm_sdk.node'),
)
const waiting = new Map()
let onReady = () => undefined
addon.attach(
  (id, result) => waiting.get(id)?.(result),
  () => onReady(),
)
// The buffer is kept: the memory goes with it.
const kept = addon.allocate(4096)
const memory = kept.id
const fd = openSync('/dev/null', 'r+')

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]
const time = (runs, run) => {
  const samples = []
  for (let round = 0; round < 7; round++) {
    const from = process.hrtime.bigint()
    run(runs)
    samples.push(Number(process.hrtime.bigint() - from) / runs)
  }
  return median(samples)
}
const timeAsync = async (runs, run) => {
  const samples = []
  for (let round = 0; round < 7; round++) {
    const from = process.hrtime.bigint()
    await run(runs)
    samples.push(Number(process.hrtime.bigint() - from) / runs)
  }
  return median(samples)
}

let next = 1
const call = () =>
  new Promise((resolve) => {
    const id = next++
    waiting.set(id, (result) => {
      waiting.delete(id)
      resolve(result)
    })
    addon.ioctlAsync(id, fd, FIONREAD, memory, 0)
  })

const rows = new Proxy(
  {},
  {
    set: (_, name, ns) => {
      const text = ns < 10_000 ? `${ns.toFixed(0)} ns` : `${(ns / 1000).toFixed(1)} us`
      console.log(`${name.padEnd(40)} ${text}`)
      return true
    },
  },
)
const folder = mkdtempSync(join(tmpdir(), 'hmm-cost-'))
if (spawnSync('cc', ['-O2', join(here, 'ioctl-cost.c'), '-o', join(folder, 'cost')]).status === 0) {
  const runs = Array.from({ length: 7 }, () => Number(spawnSync(join(folder, 'cost')).stdout))
  rows['C program'] = median(runs)
}
rmSync(folder, { recursive: true })
rows['addon, this thread'] = time(200_000, (runs) => {
  for (let i = 0; i < runs; i++) addon.ioctl(fd, FIONREAD, memory, 0)
})
const byte = Buffer.alloc(1)
rows['fs.writeSync to /dev/null'] = time(100_000, (runs) => {
  for (let i = 0; i < runs; i++) writeSync(fd, byte)
})
rows['addon, own thread, one by one'] = await timeAsync(3_000, async (runs) => {
  for (let i = 0; i < runs; i++) await call()
})
rows['addon, own thread, 64 at a time'] = await timeAsync(6_400, async (runs) => {
  for (let i = 0; i < runs; i += 64) await Promise.all(Array.from({ length: 64 }, call))
})
rows['libuv pool (readFile /dev/null)'] = await timeAsync(1_000, async (runs) => {
  for (let i = 0; i < runs; i++) await readFile('/dev/null')
})
const event = addon.eventfd()
addon.watch(1, event)
addon.keepAlive(1)
const one = Buffer.alloc(8)
one.writeBigUInt64LE(1n)
rows['event: eventfd written, callback runs'] = await timeAsync(2_000, async (runs) => {
  for (let i = 0; i < runs; i++) {
    await new Promise((resolve) => {
      onReady = resolve
      addon.rearm(1)
      writeSync(event, one)
    })
    addon.read(event, memory, 0, 8)
  }
})
addon.keepAlive(0)
