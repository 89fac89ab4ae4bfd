-- What scripts find around them: Redis's globals, none of which they can change.
--
-- Lua 5.1 has no read-only tables. A frozen table is an empty one that shows another, and the few
-- functions that look past metatables know which those are. Nothing here is a global, and nothing
-- that a script can reach remembers anything from one run to the next.
--
-- Gets the functions that the server has for scripts, and returns what the server keeps.

local host = ...
local raw = {}
for name, value in pairs(_G) do raw[name] = value end
local error, next, setmetatable, type = error, next, setmetatable, type
local raw_pairs, raw_pcall, raw_rawget, raw_rawset = pairs, pcall, rawget, rawset
local raw_setmetatable, raw_tostring, raw_tonumber = setmetatable, tostring, tonumber
local raw_unpack, raw_xpcall, raw_collect = unpack, xpcall, collectgarbage
local raw_getfenv, raw_setfenv, raw_insert = getfenv, setfenv, table.insert
local select = select
local raw_sort, floor, substring = table.sort, math.floor, string.sub
local find, next_match, expand = host.find, host.next_match, host.expand
local raw_resume, concat, string_meta = coroutine.resume, table.concat, getmetatable('')
local unwrap, compile, trace = host.unwrap, host.compile, host.trace

local READONLY = 'Attempt to modify a readonly table'
-- As many values as a C function may return.
local UNPACKED_MAX = 7900
-- Values that are sorted at a stretch.
local SORTED_MAX = 10000
-- What a frozen table shows.
local shown = {}
-- Functions whose environment is nobody's to change.
local own = {}

local function refuse()
  error(READONLY, 2)
end

local function freeze(real)
  local proxy = {}
  local meta = {__index = real, __newindex = refuse, __metatable = false}
  shown[proxy] = real
  return setmetatable(proxy, meta), meta
end

local function check_writable(t)
  if shown[t] then error(READONLY, 0) end
end

local missing = {__index = function(_, name)
  if type(name) ~= 'string' and type(name) ~= 'number' then
    error('Second argument to luaProtectedTableError must be a string or number', 2)
  end
  error("Script attempted to access nonexistent global variable '" .. name .. "'", 2)
end}
local globals = setmetatable({}, missing)
local environment, environment_meta = freeze(globals)
-- Functions made from here on have it too, which getfenv shows.
raw_setfenv(1, environment)

for _, name in raw_pairs {
  'tostring', 'assert', 'tonumber', 'rawequal', 'getmetatable', 'type', 'select', 'ipairs',
  '_VERSION', 'error', 'gcinfo',
} do globals[name] = raw[name] end
globals._G = environment

function globals.rawget(t, key)
  return raw_rawget(shown[t] or t, key)
end

function globals.rawset(t, key, value)
  check_writable(t)
  return raw_rawset(t, key, value)
end

function globals.setmetatable(t, meta)
  check_writable(t)
  return raw_setmetatable(t, meta)
end

function globals.next(t, key)
  return next(shown[t] or t, key)
end

function globals.pairs(t)
  local real = shown[t]
  if not real then return raw_pairs(t) end
  return function(_, key) return next(real, key) end, t, nil
end

-- The library's own adds up the count in an int.
function globals.unpack(t, first, last)
  first = raw_tonumber(first) or 1
  last = raw_tonumber(last) or (type(t) == 'table' and #t) or 0
  if last - first >= UNPACKED_MAX or first < -2147483648 or last > 2147483646 then
    error('too many results to unpack', 2)
  end
  return raw_unpack(t, first, last)
end

-- What would outlast the run is left as it is.
function globals.collectgarbage(option, arg)
  if option == nil or option == 'collect' or option == 'count' or option == 'step' then
    return raw_collect(option, arg)
  end
  return 0
end

function globals.getfenv(f)
  if f == nil then f = 1 end
  if type(f) == 'number' and f > 0 then f = f + 1 end
  return (raw_getfenv(f))
end

function globals.setfenv(f, env)
  if f == 0 or own[f] then
    error("'setfenv' cannot change environment of given object", 2)
  end
  if type(f) == 'number' then f = f + 1 end
  return (raw_setfenv(f, env))
end

-- An error of the server becomes the table that Redis raises; pcall gives its text.
local function settle(ok, reason, ...)
  if ok then return true, reason, ... end
  if type(reason) == 'userdata' then reason = unwrap(reason) end
  if type(reason) == 'table' then
    local text = reason.err
    if type(text) == 'string' or type(text) == 'number' then return false, text end
  end
  return false, reason
end

function globals.pcall(...)
  if select('#', ...) == 0 then error("bad argument #1 to 'pcall' (value expected)", 2) end
  return settle(raw_pcall(...))
end

local function open(reason)
  if type(reason) == 'userdata' then return unwrap(reason) end
  return reason
end

function globals.xpcall(f, handler)
  return raw_xpcall(f, function(reason) return handler(open(reason)) end)
end

function globals.loadstring(text, name)
  if type(text) == 'number' then text = raw_tostring(text) end
  if type(text) ~= 'string' then
    error("bad argument #1 to 'loadstring' (string expected, got " .. type(text) .. ')', 2)
  end
  return compile(text, name or text)
end

function globals.load(source, name)
  if type(source) ~= 'function' then
    error("bad argument #1 to 'load' (function expected, got " .. type(source) .. ')', 2)
  end
  local pieces = {}
  while true do
    local piece = source()
    if piece == nil or piece == '' then break end
    if type(piece) ~= 'string' then return nil, 'reader function must return a string' end
    pieces[#pieces + 1] = piece
  end
  return compile(concat(pieces), name or '=(load)')
end

-- What libraries see while they are loaded: nothing but `redis`, and of that only what is for then.
local loading = setmetatable({redis = freeze(setmetatable(host.loading, missing))}, missing)

-- Has the environment show what libraries see while they are loaded, or what functions see.
local function stage(is_load)
  shown[environment] = is_load and loading or globals
  environment_meta.__index = shown[environment]
end

-- A library under its own name, less what would reach outside or past the server's rules.
local function library(name, changes)
  local copy = {}
  for key, value in raw_pairs(raw[name]) do copy[key] = value end
  for key, value in raw_pairs(changes) do copy[key] = value or nil end
  globals[name] = freeze(copy)
  return copy
end

-- A text argument, which may be a number.
local function text_of(value, index, name)
  if type(value) == 'string' then return value end
  if type(value) == 'number' then return raw_tostring(value) end
  error('bad argument #' .. index .. " to '" .. name .. "' (string expected, got " .. type(value) .. ')', 3)
end

-- How many characters precede the place where a search begins.
local function start_of(init, len, name)
  local start = raw_tonumber(init == nil and 1 or init)
  if not start then
    error("bad argument #3 to '" .. name .. "' (number expected, got " .. type(init) .. ')', 3)
  end
  if start < 0 then start = start + len + 1 end
  if start < 1 then return 0 end
  return start > len and len or floor(start) - 1
end

local function through(...) return ... end

local patterns = {dump = false}

function patterns.find(s, pattern, init, plain)
  s, pattern = text_of(s, 1, 'find'), text_of(pattern, 2, 'find')
  -- No tail call: errors look for the frame.
  return through(find(s, pattern, start_of(init, #s, 'find'), plain and true or false))
end

function patterns.match(s, pattern, init)
  s, pattern = text_of(s, 1, 'match'), text_of(pattern, 2, 'match')
  local function found(first, last, ...)
    if not first then return nil end
    if select('#', ...) == 0 then return substring(s, first, last) end
    return ...
  end
  return found(next_match(s, pattern, start_of(init, #s, 'match'), true, true))
end

function patterns.gmatch(s, pattern)
  s, pattern = text_of(s, 1, 'gmatch'), text_of(pattern, 2, 'gmatch')
  local at = 0
  local function found(first, last, ...)
    if not first then
      at = #s + 1
      return nil
    end
    -- An empty match is not found again.
    at = last < first and first or last
    if select('#', ...) == 0 then return substring(s, first, last) end
    return ...
  end
  return function()
    if at > #s then return nil end
    return found(next_match(s, pattern, at, false, true))
  end
end
patterns.gfind = patterns.gmatch

-- What takes the place of a match: the result of a function, a table's field or a text.
local function replacement(kind, by, match, ...)
  local value
  if kind == 'function' then
    if select('#', ...) == 0 then value = by(match) else value = by(...) end
  elseif kind == 'table' then
    -- The template refuses a capture without an end.
    if select('#', ...) == 0 then value = by[match] else value = by[(...) or expand('%1', {match, ...})] end
  else
    value = expand(by, {match, ...})
  end
  if not value then return match end
  if type(value) ~= 'string' and type(value) ~= 'number' then
    error('invalid replacement value (a ' .. type(value) .. ')', 4)
  end
  return value
end

function patterns.gsub(s, pattern, by, limit)
  s, pattern = text_of(s, 1, 'gsub'), text_of(pattern, 2, 'gsub')
  local kind = type(by)
  if kind == 'number' then by = raw_tostring(by)
  elseif kind ~= 'string' and kind ~= 'table' and kind ~= 'function' then
    error("bad argument #3 to 'gsub' (string/function/table expected)", 2)
  end
  limit = raw_tonumber(limit) or #s + 1
  local pieces, count, at, anchored = {}, 0, 0, substring(pattern, 1, 1) == '^'
  local function replaced(first, last, ...)
    if not first then return false end
    count = count + 1
    pieces[#pieces + 1] = substring(s, at + 1, first - 1)
    pieces[#pieces + 1] = replacement(kind, by, substring(s, first, last), ...)
    at = last
    if last < first then
      -- Behind an empty match the next character stays as it is.
      pieces[#pieces + 1] = substring(s, first, first)
      at = first
    end
    return not anchored and at <= #s
  end
  while count < limit and replaced(next_match(s, pattern, at, true, kind == 'function')) do end
  pieces[#pieces + 1] = substring(s, at + 1)
  return concat(pieces), count
end

local strings = library('string', patterns)
library('math', {random = host.random, randomseed = host.randomseed})
-- What is sorted by a function is looked at by the clock, and a bad order takes the square of its length.
library('table', {insert = function(t, ...)
  check_writable(t)
  return raw_insert(t, ...)
end, sort = function(t, before)
  if before == nil and type(t) == 'table' and #t > SORTED_MAX then
    before = function(a, b) return a < b end
  end
  return raw_sort(t, before)
end})
library('coroutine', {resume = function(...)
  local function passed(ok, reason, ...)
    if not ok then reason = open(reason) end
    return ok, reason, ...
  end
  return passed(raw_resume(...))
end})
string_meta.__index = strings
string_meta.__metatable = freeze {__index = globals.string}

local redis, check_mark = host.redis, host.check_mark
function redis.acl_check_cmd(...)
  return redis.call(check_mark, ...)
end
globals.redis = freeze(redis)
globals.server = globals.redis
for name, functions in raw_pairs(host.libraries) do globals[name] = freeze(functions) end
for _, value in raw_pairs(globals) do
  if type(value) == 'function' then own[value] = true end
end

local function run(f) return raw_xpcall(f, trace) end
local function run_with(f, keys, args)
  return raw_xpcall(function() return f(keys, args) end, trace)
end

return environment, globals, run, run_with, stage
