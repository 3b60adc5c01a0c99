// Checks the example drivers against scripts/driver-rules.mjs. A driver file is every file of the examples
// but those that run them: cli.ts and run*.ts.
import { basename, dirname, join, relative } from 'node:path'
import ts from 'typescript'
import { problemsOf } from './driver-rules.mjs'
import { root } from './lib.mjs'

const config = join(root, 'packages/examples/tsconfig.json')
const { options, fileNames } = ts.parseJsonConfigFileContent(
  ts.readConfigFile(config, ts.sys.readFile).config,
  ts.sys,
  dirname(config),
)
const drivers = fileNames.filter((name) => !/^(cli|run.*)\.ts$/.test(basename(name)))
const program = ts.createProgram(drivers, options)
const checker = program.getTypeChecker()

let count = 0
for (const name of drivers) {
  for (const problem of problemsOf(program.getSourceFile(name), checker)) {
    const place = `${relative(root, name)}:${problem.line}:${problem.column}`
    console.error(`${place}  ${problem.rule}: ${problem.message}`)
    count++
  }
}
console.log(`driver rules: ${drivers.length} files, ${count} problems`)
process.exitCode = count === 0 ? 0 : 1
