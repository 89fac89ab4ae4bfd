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
local raw_resume, concat, string_meta = coroutine.resume, table.concat, getmetatable('')
local unwrap, compile, trace = host.unwrap, host.compile, host.trace

local READONLY = 'Attempt to modify a readonly table'
-- As many values as a C function may return.
local UNPACKED_MAX = 7900
-- What a frozen table shows.
local shown = {}
-- Functions whose environment is nobody's to change.
local own = {}

local function refuse()
  error(READONLY, 2)
end

local function freeze(real)
  local proxy = {}
  shown[proxy] = real
  return setmetatable(proxy, {__index = real, __newindex = refuse, __metatable = false})
end

local function check_writable(t)
  if shown[t] then error(READONLY, 0) end
end

local globals = setmetatable({}, {__index = function(_, name)
  if type(name) ~= 'string' and type(name) ~= 'number' then
    error('Second argument to luaProtectedTableError must be a string or number', 2)
  end
  error("Script attempted to access nonexistent global variable '" .. name .. "'", 2)
end})
local environment = freeze(globals)
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

-- A library under its own name, less what would reach outside or past the server's rules.
local function library(name, changes)
  local copy = {}
  for key, value in raw_pairs(raw[name]) do copy[key] = value end
  for key, value in raw_pairs(changes) do copy[key] = value or nil end
  globals[name] = freeze(copy)
  return copy
end

local strings = library('string', {dump = false})
library('math', {random = host.random, randomseed = host.randomseed})
library('table', {insert = function(t, ...)
  check_writable(t)
  return raw_insert(t, ...)
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

return environment, globals, redis, function(f) return raw_xpcall(f, trace) end
