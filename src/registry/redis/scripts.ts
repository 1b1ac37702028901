import { createHash } from 'node:crypto';
import {
  MAX_BODY_BYTES,
  MAX_CALLS_BYTES,
  MAX_EPOCH,
  MAX_NODE_ID,
  MAX_ROOM_BYTES,
  MAX_ROOM_FIELD_BYTES,
  MAX_ROOM_HOSTS,
} from './bounds.ts';

/** A Lua script that Redis runs as one step. */
export interface Script {
  readonly lua: string;
  readonly sha: string;
}

function script(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}

/** Whose this Redis is; marks one that is nobody's. */
export const MARK = script(`
-- KEYS[1]  the mark
-- ARGV[1]  this node's cloud
-- returns  the cloud that the Redis is marked for, with a + before it when it was marked just now
local marked = redis.call('GETRANGE', KEYS[1], 0, 127)
if marked ~= '' then return marked end
redis.call('SET', KEYS[1], ARGV[1])
return '+' .. ARGV[1]
`);

/** Writes a node's record with its lease. */
export const ANNOUNCE = script(`
-- KEYS[1]  index of the datacenter's nodes
-- KEYS[2]  the node's record
-- KEYS[3]  calls to the datacenter's nodes
-- ARGV[1]  node id
-- ARGV[2]  load step
-- ARGV[3]  lease in ms
-- ARGV[4]  the record
-- ARGV[5]  ms after which an index that nobody writes is forgotten
-- returns  the calls
redis.call('SET', KEYS[2], ARGV[4], 'PX', ARGV[3])
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return redis.call('GETRANGE', KEYS[3], 0, ${MAX_CALLS_BYTES - 1})
`);

/** Has the nodes of a datacenter repeat something; of what was to be repeated before, the newest stay. */
export const CALL_NODES = script(`
-- KEYS[1]  calls to the datacenter's nodes
-- ARGV[1]  the call, and a space
-- ARGV[2]  ms after which calls are forgotten
redis.call('SET', KEYS[1], ARGV[1] .. redis.call('GETRANGE', KEYS[1], 0, ${MAX_CALLS_BYTES - 1} - #ARGV[1]), 'PX', ARGV[2])
return 1
`);

/**
 * The first nodes of a datacenter's index whose lease runs; those whose lease has ended leave the index, and what is
 * too large for a node's record is none.
 */
export const NODES = script(`
-- KEYS[1]  index of the datacenter's nodes
-- ARGV[1]  what their records' keys begin with (same hash tag as KEYS[1])
-- ARGV[2]  how many nodes at most
-- ARGV[3]  how many entries of the index are looked at, at most
-- returns  id, record, id, record, …
local found = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, ARGV[3] - 1)) do
  local size = #id <= ${MAX_NODE_ID} and redis.call('STRLEN', ARGV[1] .. id) or 0
  if size == 0 then
    redis.call('ZREM', KEYS[1], id)
  elseif size <= ${MAX_BODY_BYTES} then
    found[#found + 1] = id
    found[#found + 1] = redis.call('GET', ARGV[1] .. id)
    if #found >= 2 * ARGV[2] then break end
  end
end
return found
`);

/**
 * Shared by the scripts of rooms. What is no epoch counts as none, so that a spoilt record can be claimed. What counts
 * is the same as for `readRoom`.
 */
const ROOM = `
-- What is larger than anything of ours goes: single fields where that is enough, else the whole record, as if it had
-- been forgotten. Whoever could write it could have deleted it too. Returns 1 where something went, else 0.
local function heal(key)
  local kind = redis.call('TYPE', key).ok
  if kind == 'none' then return 0 end
  if kind ~= 'hash' or redis.call('HLEN', key) > ${MAX_ROOM_HOSTS + 2} then
    redis.call('UNLINK', key)
    return 1
  end
  local healed = 0
  local size = 0
  for _, field in ipairs(redis.call('HKEYS', key)) do
    local bytes = #field + redis.call('HSTRLEN', key, field)
    if bytes > ${MAX_ROOM_FIELD_BYTES} then
      redis.call('HDEL', key, field)
      healed = 1
    else
      size = size + bytes
    end
  end
  if size > ${MAX_ROOM_BYTES} then
    redis.call('UNLINK', key)
    healed = 1
  end
  return healed
end

local function epoch_of(key)
  local written = redis.call('HGET', key, 'epoch') or ''
  local epoch = string.match(written, '^%d+$') and tonumber(written) or 0
  if epoch > ${MAX_EPOCH} then return 0 end
  return epoch
end

-- Narrowing only shrinks: '*' leaves what is written as it is.
local function narrow(key, regions)
  if regions == '*' then return end
  local written = redis.call('HGET', key, 'regions')
  if written then
    local wanted = {}
    for region in string.gmatch(regions, '[^,]+') do wanted[region] = true end
    local left = {}
    for region in string.gmatch(written, '[^,]+') do
      if wanted[region] then left[#left + 1] = region end
    end
    regions = table.concat(left, ',')
  end
  redis.call('HSET', key, 'regions', regions)
end

local function raise(key, epoch)
  redis.call('HSET', key, 'epoch', string.format('%.0f', epoch))
end
`;

/** Reads a room. */
export const READ_ROOM = script(`
-- KEYS[1]  the room
-- returns  1 or 0 (healed), then its fields and values
${ROOM}
return {heal(KEYS[1]), redis.call('HGETALL', KEYS[1])}
`);

/** Writes a node's part of a room if nothing was written since the claimant read it. */
export const CLAIM_ROOM = script(`
-- KEYS[1]  the room
-- ARGV[1]  epoch that the claimant read
-- ARGV[2]  field of the node's part
-- ARGV[3]  the node's part
-- ARGV[4]  regions that its narrowing leaves, with commas between; * for all
-- ARGV[5]  ms after which a room that nobody writes is forgotten
-- returns  1 or 0 (healed), then the fields and values of the record as it is now, then 1 or 0 (claimed)
${ROOM}
local key = KEYS[1]
local healed = heal(key)
local epoch = epoch_of(key)
local claimed = 0
if epoch == tonumber(ARGV[1]) then
  claimed = 1
  raise(key, epoch + 1)
  narrow(key, ARGV[4])
  redis.call('HSET', key, ARGV[2], ARGV[3])
  redis.call('PEXPIRE', key, ARGV[5])
end
return {healed, redis.call('HGETALL', key), claimed}
`);

/** Writes or removes a node's part of a room whatever the epoch; the record goes with the last part. */
export const RESTATE_ROOM = script(`
-- KEYS[1]  the room
-- ARGV[1]  highest epoch that the node saw
-- ARGV[2]  field of the node's part
-- ARGV[3]  the node's part; empty to remove it
-- ARGV[4]  regions that its narrowing leaves, with commas between; * for all
-- ARGV[5]  ms after which a room that nobody writes is forgotten
-- returns  1 or 0 (healed), then fields and values of the record as it is, or would be without parts
${ROOM}
local key = KEYS[1]
local healed = heal(key)
raise(key, math.max(epoch_of(key), tonumber(ARGV[1])) + 1)
narrow(key, ARGV[4])
if ARGV[3] == '' then
  redis.call('HDEL', key, ARGV[2])
else
  redis.call('HSET', key, ARGV[2], ARGV[3])
end
redis.call('PEXPIRE', key, ARGV[5])
local record = redis.call('HGETALL', key)
if redis.call('HLEN', key) == 1 + redis.call('HEXISTS', key, 'regions') then redis.call('DEL', key) end
return {healed, record}
`);
