// 10,000 ioctls with random bytes at the module (software device): each is refused or does something harmless,
// none splats (the harness reads the kernel log), and the device works afterwards. Seeded: `SEED=7 node ...`.
import assert from 'node:assert/strict'
import { closeSync, constants, openSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { layoutOf, requestOf } from '../uapi/generate.mjs'
import { ABI_VERSION, MAGIC, ioctls } from '../uapi/table.mjs'
import { finish, test } from './check.mjs'

const CALLS = 10_000
const MEMORY = 1 << 20
const EOPNOTSUPP = 95
const addon = createRequire(import.meta.url)('../prebuilds/linux-x64/hmm_sdk.node')
const random = mulberry32(Number(process.env.SEED ?? 1))
const pick = (list) => list[Math.floor(random() * list.length)]

const memory = addon.allocate(MEMORY)
const view = new DataView(memory.buffer)
/** Valid memory, for pointer fields: a page of its own after the argument, and 900 KiB behind it. */
const pointer = BigInt(addon.address(memory.id)) + 4096n

const context = openSync('/dev/hmm_sdk', constants.O_RDWR)
const requests = new Map(
  ioctls.map(([name, number, struct]) => [
    name,
    { number, struct, request: requestOf(number, struct) },
  ]),
)
const call = (fd, request) => addon.ioctl(fd, request, memory.id, 0)
const set = (struct, field, value) => {
  const { offset, bytes } = layoutOf(struct).fields.find(({ name }) => name === field)
  if (bytes === 8) view.setBigUint64(offset, BigInt.asUintN(64, BigInt(value)), true)
  else view.setUint32(offset, Number(value) >>> 0, true)
}
const clear = () => new Uint8Array(memory.buffer).fill(0, 0, 4096)

clear()
set('info', 'abi', ABI_VERSION)
assert.equal(call(context, requests.get('GET_INFO').request), 0, 'the handshake')

/** A software device; without memory on a kernel that has no device-private memory. */
const openDevice = () => {
  const open = (memoryPages) => {
    clear()
    set('device_open', 'memory_pages', memoryPages)
    return call(context, requests.get('DEVICE_OPEN').request)
  }
  const withMemory = open(64)
  const status = withMemory === -EOPNOTSUPP ? open(0) : withMemory
  const { offset } = layoutOf('device_open').fields.find(({ name }) => name === 'fd')
  return status < 0 ? status : view.getInt32(offset, true)
}
const before = openDevice()
assert.ok(before >= 0, `opens a software device: ${before}`)

const results = new Map()
const count = (status) =>
  results.set(Math.min(status, 0), (results.get(Math.min(status, 0)) ?? 0) + 1)

await test(`${CALLS} random ioctls leave the kernel alive`, () => {
  for (let index = 0; index < CALLS; index++) {
    const opened = []
    const target = pick([before, before, context])
    if (random() < 0.5) rawBytes(target)
    else structured(target, opened)
    for (const fd of opened) closeSync(fd)
  }
  console.log(`# by errno: ${JSON.stringify(Object.fromEntries(results))}`)
  assert.ok((results.get(-25) ?? 0) > 0, 'unknown requests gave ENOTTY')
  assert.ok((results.get(-22) ?? 0) > 0, 'bad arguments gave EINVAL')
})

await test('an unknown request gives ENOTTY, a bad pointer EFAULT', () => {
  clear()
  const unknown = ((3 << 30) | (8 << 16) | (MAGIC << 8) | 0x7f) >>> 0
  assert.equal(call(before, unknown), -25)
  assert.equal(call(context, unknown), -25)
  set('buffer_alloc', 'bytes', 4096)
  assert.equal(call(before, requests.get('BUFFER_ALLOC').request), 0)
  const id = view.getUint32(
    layoutOf('buffer_alloc').fields.find(({ name }) => name === 'buffer').offset,
    true,
  )
  clear()
  set('buffer_copy', 'buffer', id)
  set('buffer_copy', 'length', 16)
  set('buffer_copy', 'data', 0xffff_8880_0000_0000n)
  assert.equal(call(before, requests.get('BUFFER_WRITE').request), -14)
  assert.equal(call(before, requests.get('BUFFER_READ').request), -14)
})

await test('the module works afterwards, and keeps nothing once all is closed', () => {
  const after = openDevice()
  assert.ok(after >= 0, `a new device opens: ${after}`)
  closeSync(after)
  closeSync(before)
  closeSync(context)
  assert.equal(readFileSync('/sys/module/hmm_sdk/refcnt', 'utf8').trim(), '0')
})
finish()

/** Random request of our magic or any, random argument. */
function rawBytes(fd) {
  clear()
  const known = pick([...requests.values()])
  const { request } = random() < 0.7 ? known : { request: Math.floor(random() * 2 ** 32) >>> 0 }
  // A size field beyond the argument's page would read memory that is not the argument.
  const safe = (request & ~(0x3fff << 16)) | (Math.min((request >>> 16) & 0x3fff, 2048) << 16)
  if (reaches(safe >>> 0)) return
  for (let at = 0; at < 256; at += 4) view.setUint32(at, Math.floor(random() * 2 ** 32), true)
  count(call(fd, safe >>> 0))
}

/** A known request with mostly plausible fields, some of them extreme. */
function structured(fd, opened) {
  clear()
  const [name, { struct, request }] = pick([...requests])
  if (name === 'SPACE_BIND') return // would mirror this process itself
  for (const { offset, bytes, name: field } of layoutOf(struct).fields) {
    const isPointer = /^(data|entries|events|spaces|declined|outcomes)$/.test(field)
    if (bytes === 8) view.setBigUint64(offset, isPointer ? somePointer() : someValue(), true)
    else if (bytes === 4) view.setUint32(offset, Number(BigInt.asUintN(32, someValue())), true)
  }
  const status = call(fd, request)
  count(status)
  if (status >= 0 && name === 'DEVICE_OPEN') {
    opened.push(
      view.getInt32(layoutOf('device_open').fields.find(({ name }) => name === 'fd').offset, true),
    )
  }
}

function someValue() {
  const kind = random()
  if (kind < 0.45) return 0n
  if (kind < 0.75) return BigInt(Math.floor(random() * 17))
  if (kind < 0.85)
    return pick([4096n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn, 1n << 63n, (1n << 64n) - 1n])
  return BigInt(Math.floor(random() * 2 ** 48))
}

function somePointer() {
  return pick([pointer, pointer, pointer, 0n, 1n, 0xffff_8880_0000_0000n, (1n << 64n) - 8n])
}

/** SPACE_BIND with any size. */
function reaches(request) {
  return (
    ((request >>> 8) & 0xff) === MAGIC && (request & 0xff) === requests.get('SPACE_BIND').number
  )
}

function mulberry32(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
