import { describe, expect, test } from 'vitest'
import { describeSplats, scanKernelLog } from './splat.mjs'

/** @param {string} log */
function kinds(log) {
  return scanKernelLog(log).splats.map((splat) => splat.kind)
}

/** @param {...string} lines */
function log(...lines) {
  return lines
    .map((line, index) => `[${(index / 100).toFixed(6).padStart(12)}] ${line}`)
    .join('\r\n')
}

const BOOT = log(
  'Linux version 7.3.4+deb13-amd64 (gcc-14 (Debian 14.2.0-19) 14.2.0) #1 SMP',
  'Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on, data leaks possible!',
  'DMAR: Host address width 39',
  'DMAR: DRHD base: 0x000000fed90000 flags: 0x0',
  'DMAR: Intel(R) Virtualization Technology for Directed I/O',
  'DMAR-IR: Enabled IRQ remapping in x2apic mode',
  'rcu: Hierarchical RCU implementation.',
  'kmemleak: Kernel memory leak detector initialized (mem pool available: 15872)',
  'kasan: KernelAddressSanitizer initialized',
  'kcsan: enabled early',
  'DMA-API: preallocated 65536 debug entries',
  'DMA-API: debugging enabled by kernel config',
  'Lock dependency validator: Copyright (c) 2006 Red Hat, Inc., Ingo Molnar',
  'traps: node[212] general protection fault ip:55d1 sp:7ffd error:0 in node[55d1+1000]',
  'INFO: NMI handler (nmi_cpu_backtrace_handler) took too long to run: 8.610 msecs',
  'systemd[1]: BUG reports go to the usual place',
  'hmm-vm: command ended with 0',
)

const WARNING_6 = log(
  '------------[ cut here ]------------',
  'WARNING: CPU: 1 PID: 214 at mm/hmm.c:594 hmm_range_fault+0x8a/0xc0',
  'Modules linked in: hmm_sdk(OE) 9p netfs 9pnet_virtio 9pnet overlay',
  'CPU: 1 UID: 0 PID: 214 Comm: node Tainted: G           OE       6.12.107+deb13-amd64 #1',
  'RIP: 0010:hmm_range_fault+0x8a/0xc0',
  'Call Trace:',
  ' <TASK>',
  ' ? __warn.cold+0x93/0xf6',
  ' </TASK>',
  '---[ end trace 0000000000000000 ]---',
)

const OOPS = log(
  'BUG: kernel NULL pointer dereference, address: 0000000000000008',
  '#PF: supervisor read access in kernel mode',
  'Oops: Oops: 0000 [#1] SMP NOPTI',
  'CPU: 0 UID: 0 PID: 99 Comm: insmod Tainted: G OE 7.3.4+deb13-amd64 #1',
  'RIP: 0010:hmm_sdk_open+0x12/0x40 [hmm_sdk]',
  'Call Trace:',
  '---[ end trace 0000000000000000 ]---',
  'Kernel panic - not syncing: Fatal exception',
)

const DMAR =
  'DMAR: [DMA Read NO_PASID] Request device [00:03.0] fault addr 0xffffe000 [fault reason 0x06] PTE Read access is not set'

test('an ordinary boot is clean', () => {
  expect(scanKernelLog(BOOT)).toEqual({ splats: [], dmarFaults: [] })
})

test('a warning with its trace is one splat, named by what was warned of', () => {
  const { splats } = scanKernelLog(`${BOOT}\r\n${WARNING_6}`)
  expect(splats).toHaveLength(1)
  expect(splats[0]).toMatchObject({
    kind: 'warning',
    text: 'WARNING: CPU: 1 PID: 214 at mm/hmm.c:594 hmm_range_fault+0x8a/0xc0',
  })
  expect(describeSplats(splats)).toContain('hmm_range_fault')
})

test('two warnings one after the other are two', () => {
  expect(kinds(`${WARNING_6}\n${WARNING_6}`)).toEqual(['warning', 'warning'])
})

test('an oops that ends in a panic shows both', () => {
  expect(kinds(OOPS)).toEqual(['oops', 'panic'])
})

test('a warning written by hand', () => {
  expect(kinds('[    3.1] WARNING: test')).toEqual(['warning'])
})

test('a refcount warning keeps its name behind the cut line', () => {
  expect(
    kinds(
      log(
        '------------[ cut here ]------------',
        'refcount_t: underflow; use-after-free.',
        'WARNING: CPU: 0 PID: 7 at lib/refcount.c:28 refcount_warn_saturate+0xbe/0x110',
        'Call Trace:',
        '---[ end trace 0000000000000000 ]---',
      ),
    ),
  ).toEqual(['refcount'])
})

describe('each kind by a line of its own', () => {
  test.each([
    ['panic', 'Kernel panic - not syncing: sysrq triggered crash'],
    ['bug', 'kernel BUG at mm/hmm.c:123!'],
    ['bug', 'BUG: sleeping function called from invalid context at kernel/locking/mutex.c:283'],
    ['bug', 'BUG: unable to do something new'],
    ['oops', 'BUG: unable to handle page fault for address: ffffc90000a3f000'],
    ['oops', 'Oops: 0002 [#1] PREEMPT SMP PTI'],
    [
      'protection-fault',
      'general protection fault, probably for non-canonical address 0xdead: 0000',
    ],
    [
      'protection-fault',
      'Oops: general protection fault, probably for non-canonical address 0xdead',
    ],
    ['lockdep', 'WARNING: possible circular locking dependency detected'],
    ['lockdep', 'WARNING: possible recursive locking detected'],
    ['lockdep', 'WARNING: inconsistent lock state'],
    ['lockdep', 'WARNING: suspicious RCU usage'],
    ['lockdep', '[ BUG: Invalid wait context ]'],
    ['lockdep', 'INFO: trying to register non-static key.'],
    ['lockdep', 'INFO: lockdep is turned off.'],
    ['lockdep', 'DEBUG_LOCKS_WARN_ON(1)'],
    ['kasan', 'BUG: KASAN: slab-use-after-free in hmm_sdk_release+0x1f/0x80 [hmm_sdk]'],
    ['kcsan', 'BUG: KCSAN: data-race in hmm_sdk_seq / hmm_sdk_invalidate'],
    ['kmsan', 'BUG: KMSAN: uninit-value in hmm_sdk_ioctl+0x10/0x20'],
    ['ubsan', 'UBSAN: shift-out-of-bounds in mm/hmm.c:300:12'],
    [
      'dma-api',
      'DMA-API: edu 0000:00:03.0: device driver tries to free DMA memory it has not allocated',
    ],
    ['dma-api', 'edu 0000:00:03.0: DMA-API: device driver failed to check map error'],
    ['hung-task', 'INFO: task rmmod:301 blocked for more than 120 seconds.'],
    ['rcu-stall', 'rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:'],
    ['rcu-stall', 'rcu: INFO: rcu_preempt self-detected stall on CPU'],
    ['rcu-stall', 'rcu: rcu_preempt kthread starved for 5250 jiffies! g1 f0x0 RCU_GP_WAIT_FQS(5)'],
    ['lockup', 'watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [node:214]'],
    ['lockup', 'watchdog: CPU0: Watchdog detected hard LOCKUP on cpu 0'],
    ['refcount', 'refcount_t: saturated; leaking memory.'],
    ['page-state', 'BUG: Bad page state in process node  pfn:12345'],
    ['page-state', 'BUG: Bad rss-counter state mm:00000000 type:MM_ANONPAGES val:1'],
    ['page-state', 'list_del corruption. prev->next should be ffff, but was dead'],
    ['kmemleak', 'kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)'],
    ['warning', 'WARNING: mm/hmm.c:594 at hmm_range_fault+0x8a/0xc0, CPU#1: node/214'],
  ])('%s: %s', (kind, line) => {
    expect(kinds(log('hmm-vm: command starts', line, 'hmm-vm: command ended with 0'))).toEqual([
      kind,
    ])
  })
})

test('the caller that debug kernels print is no obstacle', () => {
  expect(kinds('[   12.345678][  T214] BUG: KASAN: use-after-free in f+0x1/0x2')).toEqual(['kasan'])
  expect(kinds('[   12.345678][    C1] refcount_t: underflow; use-after-free.')).toEqual([
    'refcount',
  ])
})

describe('DMAR faults', () => {
  test('are a splat when nobody announced them', () => {
    const report = scanKernelLog(log('DMAR: DRHD: handling fault status reg 2', DMAR))
    expect(report.splats.map((splat) => splat.kind)).toEqual(['dmar-fault'])
    expect(report.dmarFaults).toEqual([{ line: 2, text: DMAR, expected: false }])
  })

  test('are allowed between the markers, and no longer', () => {
    const report = scanKernelLog(
      log(
        'hmm-sdk: expect-dmar begin read after unmap',
        DMAR,
        'hmm-sdk: expect-dmar end read after unmap',
        DMAR,
      ),
    )
    expect(report.dmarFaults.map((fault) => fault.expected)).toEqual([true, false])
    expect(report.splats.map((splat) => splat.line)).toEqual([4])
  })

  test('nothing else is allowed between the markers', () => {
    expect(kinds(log('hmm-sdk: expect-dmar begin x', 'WARNING: test'))).toEqual(['warning'])
  })
})
