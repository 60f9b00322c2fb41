-- include: hashes
-- Hashes that all workers share (endpoint, settings, accounts), each read once in a script.

local cache = {}

local function pool_hash(key)
  if not cache[key] then cache[key] = read_hash(key) end
  return cache[key]
end

local function endpoint() return pool_hash('{facelift}:endpoint') end

-- The settings that workers registered.
local function config() return pool_hash('{facelift}:config') end

local function account(name) return pool_hash('{facelift}:account:' .. name) end

-- Write fields of a shared hash; '' removes a field.
local function update(key, changes)
  local hash, written = pool_hash(key), {}
  for field, value in pairs(changes) do
    if value ~= '' then
      hash[field] = tostring(value)
      written[#written + 1] = field
      written[#written + 1] = hash[field]
    elseif hash[field] then
      hash[field] = nil
      redis.call('HDEL', key, field)
    end
  end
  if #written > 0 then redis.call('HSET', key, unpack(written)) end
end
