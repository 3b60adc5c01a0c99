import { MEMORY_MIB, reservedMemoryArguments } from './reserved-memory.mjs'

/**
 * @typedef {object} QemuOptions
 * @property {import('./kernels.mjs').Kernel} kernel
 * @property {string} initramfs
 * @property {'kvm' | 'tcg'} accelerator
 * @property {string} kernelLog The file that takes the kernel's log.
 * @property {string} [hostRoot] The directory that the guest sees as its root.
 * @property {string} [share] The directory that guest and host both write.
 * @property {{ stdout: string, stderr: string }} [sockets] Unix sockets for the words of the command.
 * @property {boolean} [iommu] Intel IOMMU with strict invalidation; on unless `false`.
 * @property {boolean} [edu] QEMU's `edu` device behind that IOMMU, and `ivshmem`, whose memory it may
 *   reach as that of a peer; on unless `false`.
 * @property {number} [cpus]
 * @property {number} [memoryMiB]
 * @property {readonly string[]} [devices] More `-device` arguments, after the standard ones.
 * @property {readonly string[]} [qemuArguments] More arguments of any kind.
 * @property {readonly string[]} [kernelArguments] More words of the kernel command line; the last wins.
 */

export const QEMU = 'qemu-system-x86_64'

const KERNEL_ARGUMENTS = [
  'console=ttyS0',
  'ignore_loglevel',
  'printk.devkmsg=on',
  // An oops ends the run at once, and a panic ends QEMU, for it runs with -no-reboot.
  'oops=panic',
  'panic=-1',
  'audit=0',
  'mitigations=off',
  // The host may be too busy for the timer to tick while the kernel looks.
  'no_timer_check',
  // Of 2 MiB, for tests of hugetlb.
  'hugepages=32',
  // An emulated CPU on a busy host may pause for long: no false alarms.
  'rcupdate.rcu_cpu_stall_timeout=120',
  'sysctl.kernel.watchdog_thresh=60',
]

/** The only memory in a BAR that QEMU's devices have, of which the kernel makes pages. */
const PEER = [
  ...['-object', 'memory-backend-ram,id=peer,size=4M'],
  ...['-device', 'ivshmem-plain,memdev=peer'],
]

/**
 * The arguments of QEMU for one run.
 *
 * @param {QemuOptions} options
 * @returns {string[]}
 */
export function qemuArguments(options) {
  const iommu = options.iommu !== false
  const edu = options.edu !== false
  const memoryMiB = options.memoryMiB ?? MEMORY_MIB
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-nic', 'none'],
    // Interrupt remapping needs the split controller with KVM.
    ...(options.accelerator === 'kvm'
      ? ['-machine', 'q35,kernel-irqchip=split', '-accel', 'kvm', '-cpu', 'host']
      : ['-machine', 'q35', '-accel', 'tcg,thread=multi', '-cpu', 'max']),
    ...['-smp', String(options.cpus ?? 2), '-m', `${memoryMiB}M`],
    ...['-kernel', options.kernel.image, '-initrd', options.initramfs],
    ...['-chardev', `file,id=log,path=${escape(options.kernelLog)}`, '-serial', 'chardev:log'],
    // The IOMMU comes before the devices that it serves.
    ...(iommu ? ['-device', 'intel-iommu'] : []),
    ...(edu ? ['-device', 'edu,dma_mask=0xffffffffff', ...PEER] : []),
    ...(options.hostRoot === undefined ? [] : virtfs('hostroot', options.hostRoot, true)),
    ...(options.share === undefined ? [] : virtfs('hmmshare', options.share, false)),
    ...(options.sockets === undefined ? [] : ports(options.sockets)),
    ...(options.devices ?? []).flatMap((device) => ['-device', device]),
    ...(options.qemuArguments ?? []),
    '-append',
    [
      ...KERNEL_ARGUMENTS,
      ...(iommu ? ['intel_iommu=on', 'iommu.strict=1'] : []),
      ...reservedMemoryArguments(memoryMiB),
      ...(options.kernel.arguments ?? []),
      ...(options.kernelArguments ?? []),
    ].join(' '),
  ]
}

/**
 * @param {string} tag
 * @param {string} path
 * @param {boolean} readonly
 */
function virtfs(tag, path, readonly) {
  const flags = `security_model=none,multidevs=remap${readonly ? ',readonly=on' : ''}`
  return ['-virtfs', `local,mount_tag=${tag},path=${escape(path)},${flags}`]
}

/** @param {{ stdout: string, stderr: string }} sockets */
function ports({ stdout, stderr }) {
  return [
    ...['-device', 'virtio-serial-pci'],
    ...['-chardev', `socket,id=stdout,path=${escape(stdout)}`],
    ...['-device', 'virtserialport,chardev=stdout,name=hmm.stdout'],
    ...['-chardev', `socket,id=stderr,path=${escape(stderr)}`],
    ...['-device', 'virtserialport,chardev=stderr,name=hmm.stderr'],
  ]
}

/** In QEMU's option lists a comma is written twice. @param {string} text */
function escape(text) {
  return text.replaceAll(',', ',,')
}
