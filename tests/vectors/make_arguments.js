// Writes arguments.jsonl: what minimist 1.2.8, ini 1.3.8, rc 1.2.8 and deep-extend 0.6.0 make of
// command lines, configuration files, environments and merges. One case a line: its input under
// `args`, `file`, `env` or `merge`, and `out`, or `error: true` where the package throws.
//
//     npm install minimist@1.2.8 ini@1.3.8 rc@1.2.8 deep-extend@0.6.0
//     node make_arguments.js > arguments.jsonl
'use strict'
const minimist = require('minimist')
const rc = require('rc/lib/utils')
const extend = require('deep-extend')

const lines = [
  [], ['whoami'], ['-'], ['.'], ['---'], ['--k'], ['--k', 'v'], ['--k=v'], ['--k='], ['--k', ''],
    ['-k', ''],
  ['--k=a=b'], ['--=x'], ['--=x', '1'], ['--=x=y'], ['--no-k'], ['--no-'], ['--no-k=1'],
    ['--no-a.b'],
  ['--a.b.c', '1'], ['--a..b', '1'], ['--.a', '1'], ['--a.', '1'], ['--a.b', '1', '--a.c', '2'],
  ['--a', '1', '--a', '2'], ['--a', '1', '--a', '2', '--a', 'x'], ['--a', '--a', '1'], ['--a', '1',
    '--a'], ['--a', '1', '--no-a'],
  ['--a', '--a'], ['--a.b', '1', '--a', '2'], ['--a', '1', '--a.b', '2'], ['--a', '--a.b', '2'],
    ['--a', 'x', '--a.b.c', '2'],
  ['-abc', '3'], ['-abc'], ['-n5'], ['-n', '5'], ['-n=5'], ['-n=x'], ['-ab=5'], ['-n-5'], ['-a1b'],
    ['-a1b2'], ['-n5.'], ['-n.5'], ['-n1e5'],
  ['-ab-'], ['-a-'], ['-a-b'], ['-a.b'], ['-.a'], ['-a', '-b'], ['-a', '--b'], ['-a', '-'], ['-a',
    '---'], ['--a', '-'], ['--a', '---'],
  ['-5'], ['-5', 'x'], ['--neg', '-5'], ['--neg=-5'], ['-é', '1'], ['-aé'], ['-aéb'], ['-xY9', 'z'],
    ['-_1'], ['-1a'],
  ['--live', 'true'], ['--live', 'false'], ['--live', 'null'], ['--live=true'], ['-t', 'true', 'x'],
  ...['007', '0x10', '0X1f', '0x', '0xg', '1e3', '1E3', '.5', '5.', '+5', '-', '+-5', '1e', '1.2.3',
    '12345678901234567890', '1e400', 'Infinity', 'NaN', ' 5', '5 ', '1_0', '.', 'e5', '-0x1']
    .flatMap(n => [['--k=' + n], ['w', n]]),
  ['--__proto__.x', '1'], ['--a.__proto__.x', '1'], ['--constructor.prototype.x', '1'],
    ['--a.constructor', '1'],
  ['--_', 'x', 'y'], ['--10', 'a', '--9', 'b', '--x', 'c', '--01', 'd'], ['publish', '--type',
    'post', '--text', 'two\nlines', '--mentions.0', 'x'],
  ['invite.create', '1'], ['createLogStream', '--limit', '5', '--reverse', '--live=false', '--gt',
    '0'], ['a', '--', 'b', '--c', '5', '7'], ['--a', '--', '--a'],
  ['--a\nb', '--\nb', '--k=1\n2', '--\n=1', '--no-\nx', '--_.x', '1'], ['--msg={"a":1}',
    '@x.ed25519', '%y'], ['--text=a', 'b c', '--text', '#tag']
]

const files = [
  '', '{}', '  \n{"a":1}', '{"a":1, // c\n "b":"x" /* d */}',
    '{"a":"http://x // y", "b":"/* no */"}', '{"a":"\\"//" // "\n}', '{"a":1,}', '{"a":1',
    '{"a":1} x',
  '\ufeff{"a":1}', '\ufeffa = 1', '{"a":{"b":[1,{"c":null}]},"10":1,"9":2,"a":{"d":1}}',
    '{/* never closed', '{"a":1} /* never closed', '{"a":1}//', '{"a":/**/1}', '{"a":1/*/2*/}',
    '{"a":"\\\\"} // x',
  'a = 1', 'a=1', 'a', 'a =', 'a = b = c', ' a  =  b ', 'a = "b c"', "a = 'b c'", 'a = "b',
    "a = '5'", 'a = "5"', "a = '{\"x\":[1]}'", 'a = "', "a = '", 'a = ""', 'a = "x\\ny"',
  'a = true\nb = false\nc = null\nd = "true"\ne = True\nf = undefined',
    'a = 1 ; c\nb = 2 # d\nc = 3 \\; e\nd = \\# f\ne = a\\\\b\nf = a\\b\ng = x\\',
    '; c\n# d\n  ; e\na = 1', 'a = 1\r\nb = 2\rc = 3\n\n\nd = 4',
  'a[] = 1\na[] = 2', 'a = 1\na[] = 2', 'a[] = 1\na = 2', 'a = 1\na = 2', 'a[]',
    'a = false\na[] = 1',
  '[a]\nb = 1', '[a.b]\nc = 1', '[a]\nx = 1\n[a.b]\nc = 1', '[a.b]\nc = 1\n[a]\nx = 1',
    '[a]\nb = 1\n[a]\nc = 2', '[a.b]\nc=1\n[a.b.d]\ne=1', '[a\\.b]\nc = 1', '[a\\.b.c\\.d]\ne = 1',
    '["a.b"]\nc = 1', '[a]', '[1]', '[]\na = 1',
  'a = 1\n[a.b]\nc = 1', 'a = null\n[a]\nb = 1', 'a =\n[a]\nb = 1', '[10]\na=1\n[9]\na=1\n[x]\na=1',
    'x = 1\n[__proto__]\na = 1\n[b]\n__proto__ = 1\n__proto__[] = 1\nc = 1',
    '[x.__proto__.y]\na = 1',
  'x.y = 1',
    'port = 1111\nhost = h.example.org\n[friends]\nhops = 3\n[gossip]\nlocal = false\nglobal\n' +
      '[a.b]\nlist[] = x\nlist[] = y\nq = "a b"\nn = null\n',
  '"k" = 1', "'5' = 1", '"a=b" = 1', 'a = é\n[ü]\nß = 1', 'a=[1]', 'a = {"b":1}'
]

const environments = [
  {}, { ssb_port: '1' }, { SSB_PORT: '1', ssb_port: '2' }, { ssb_friends__hops: '3' },
    { ssb___a__b: '1', ssb_c__: '2' }, { ssb_: '1' }, { ssb__: '1' },
  { ssb_a: '1', ssb_a__b: '2' }, { ssb_a__b: '2', ssb_a: '1' }, { ssb_a: '' , ssb_b: 'é=x' },
    { ssb_a___b: '1' }, { xssb_a: '1', ssba: '2' }, { SsB_Aa__Bb: 'x' }
]

const merges = [
  [{ a: 1 }, { b: 2 }], [{ a: { b: 1, c: 2 } }, { a: { b: 3 } }], [{ a: { b: 1 } }, { a: 1 }],
    [{ a: 1 }, { a: { b: 1 } }], [{ a: [1, 2] }, { a: [3] }], [{ a: [1] }, { a: { b: 1 } }],
  [{ a: { b: 1 } }, { a: null }], [{ a: null }, { a: { b: 1 } }], [{ a: { b: 1 } },
    { a: [{ c: 1 }] }], [{ b: 1, a: 1 }, { a: 2, c: 3, 1: 4 }], [{ a: { x: 1 } }, { a: {} }], [{},
    {}]
]

const show = (input, make) => {
  let out
  try { out = { ...input, out: make() } } catch (e) { out = { ...input, error: true } }
  console.log(JSON.stringify(out))
}
for (const args of lines) show({ args }, () => minimist(args))
for (const file of files) show({ file }, () => rc.parse(file))
for (const env of environments) show({ env }, () => rc.env('ssb_', env))
for (const merge of merges) show({ merge }, () => extend({}, ...JSON.parse(JSON.stringify(merge))))
