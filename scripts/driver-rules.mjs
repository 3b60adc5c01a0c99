// What a driver file may not do, beyond the types: see problemsOf(). The checks are approximate on purpose;
// they point at habits, they do not defend against somebody who works around them.
import ts from 'typescript'

const TIMERS = new Set(['setTimeout', 'setInterval', 'setImmediate'])
const API = '@hmm-sdk/hmm-api'
const { SyntaxKind } = ts

const ARITHMETIC = new Set([
  SyntaxKind.PlusToken,
  SyntaxKind.MinusToken,
  SyntaxKind.AsteriskToken,
  SyntaxKind.AsteriskAsteriskToken,
  SyntaxKind.SlashToken,
  SyntaxKind.PercentToken,
  SyntaxKind.LessThanLessThanToken,
  SyntaxKind.GreaterThanGreaterThanToken,
  SyntaxKind.GreaterThanGreaterThanGreaterThanToken,
  SyntaxKind.AmpersandToken,
  SyntaxKind.BarToken,
  SyntaxKind.CaretToken,
  SyntaxKind.PlusEqualsToken,
  SyntaxKind.MinusEqualsToken,
  SyntaxKind.AsteriskEqualsToken,
  SyntaxKind.AsteriskAsteriskEqualsToken,
  SyntaxKind.SlashEqualsToken,
  SyntaxKind.PercentEqualsToken,
  SyntaxKind.LessThanLessThanEqualsToken,
  SyntaxKind.GreaterThanGreaterThanEqualsToken,
  SyntaxKind.GreaterThanGreaterThanGreaterThanEqualsToken,
  SyntaxKind.AmpersandEqualsToken,
  SyntaxKind.BarEqualsToken,
  SyntaxKind.CaretEqualsToken,
])
const UNARY = new Set([
  SyntaxKind.PlusPlusToken,
  SyntaxKind.MinusMinusToken,
  SyntaxKind.MinusToken,
  SyntaxKind.TildeToken,
])

/** The problems of one driver file, as `{ line, column, rule, message }`. */
export function problemsOf(file, checker) {
  const problems = []
  visit(file)
  return problems

  function report(node, rule, message) {
    const { line, character } = file.getLineAndCharacterOfPosition(node.getStart(file))
    problems.push({ line: line + 1, column: character + 1, rule, message })
  }

  function visit(node) {
    checkImport(node)
    checkTimer(node)
    checkPromise(node)
    checkArithmetic(node)
    ts.forEachChild(node, visit)
  }

  function checkImport(node) {
    const specifier = importedBy(node)
    if (specifier === undefined) return
    if (specifier === '') {
      report(node, 'driver-imports', 'a driver imports by a literal name')
    } else if (/^\.\.?\//.test(specifier)) {
      if (/(^|\/)(cli|run[^/]*)\.[jt]s$/.test(specifier)) {
        report(node, 'driver-imports', `a driver does not import what runs it: '${specifier}'`)
      }
    } else if (specifier !== API) {
      report(
        node,
        'driver-imports',
        `a driver imports ${API} and relative files only, not '${specifier}'`,
      )
    }
  }

  function checkTimer(node) {
    const name = ts.isIdentifier(node)
      ? node.text
      : ts.isElementAccessExpression(node) && ts.isStringLiteralLike(node.argumentExpression)
        ? node.argumentExpression.text
        : undefined
    if (name !== undefined && TIMERS.has(name)) {
      report(
        node,
        'driver-timers',
        `${name}() is not seen by the scheduler: use device.clock.sleep()`,
      )
    }
  }

  function checkPromise(node) {
    const made =
      (ts.isNewExpression(node) && symbolName(node) === 'Promise') ||
      (ts.isPropertyAccessExpression(node) &&
        node.name.text === 'withResolvers' &&
        node.expression.getText(file) === 'Promise')
    if (made) {
      report(
        node,
        'driver-promises',
        'a bare promise is not seen by the scheduler: use device.sync',
      )
    }
  }

  function checkArithmetic(node) {
    const operands = operandsOf(node)
    if (operands.some(isText)) return
    const address = operands.find(isAddress)
    if (address === undefined) return
    report(
      node,
      'driver-addresses',
      `arithmetic on an address (${address.getText(file)}): use VirtualRange.at(), slice() or page indexes`,
    )
  }

  function symbolName(node) {
    return checker.getTypeAtLocation(node).symbol?.name
  }

  function isText(node) {
    return (checker.getTypeAtLocation(node).flags & ts.TypeFlags.StringLike) !== 0
  }

  // An address, or one behind Number(), BigInt(), `as` or parentheses.
  function isAddress(node) {
    if (ts.isParenthesizedExpression(node) || ts.isAsExpression(node)) {
      if (isAddress(node.expression)) return true
    }
    if (ts.isCallExpression(node) && /^(Number|BigInt)$/.test(node.expression.getText(file))) {
      return node.arguments.some(isAddress)
    }
    return isBranded(checker.getTypeAtLocation(node))
  }
}

// The brand of hmm-api's address types: a property that is named by the unique symbol KIND.
function isBranded(type) {
  if (type.isUnion()) return type.types.some(isBranded)
  if (!type.isIntersection()) return false
  return type.getProperties().some(({ escapedName }) => String(escapedName).startsWith('__@KIND@'))
}

/** What a node imports: undefined if it imports nothing, '' if the name is computed. */
function importedBy(node) {
  let specifier
  if (ts.isImportDeclaration(node)) specifier = node.moduleSpecifier
  else if (ts.isExportDeclaration(node)) specifier = node.moduleSpecifier
  else if (ts.isExternalModuleReference(node)) specifier = node.expression
  else if (ts.isCallExpression(node) && isImportCall(node)) {
    specifier = node.arguments[0]
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return ''
  }
  return specifier?.text
}

function isImportCall({ expression }) {
  if (expression.kind === SyntaxKind.ImportKeyword) return true
  return ts.isIdentifier(expression) && expression.text === 'require'
}

function operandsOf(node) {
  if (ts.isBinaryExpression(node) && ARITHMETIC.has(node.operatorToken.kind)) {
    return [node.left, node.right]
  }
  if (
    (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) &&
    UNARY.has(node.operator)
  ) {
    return [node.operand]
  }
  return []
}
