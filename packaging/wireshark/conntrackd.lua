-- Dissects the replication messages of conntrackd for Wireshark and tshark, 3.6 or later.
--
--   tshark -X lua_script:conntrackd.lua -r capture.pcap
--
-- For good: copy it into the folder of personal plugins (Help, About, Folders). docs/protocol.md describes the messages.

local conntrackd = Proto("conntrackd", "conntrackd replication")

conntrackd.prefs.ports = Pref.range("Ports", "3780-3781", "UDP and TCP ports of the dedicated links", 65535)
conntrackd.prefs.big_endian = Pref.bool("Sender is big-endian", false,
  "SPAT_PORT, DPAT_PORT and ICMP_ID are in the byte order of the sender's machine")

local TYPES = {
  [0] = "CT_NEW", [1] = "CT_UPD", [2] = "CT_DEL", [3] = "EXP_NEW", [4] = "EXP_UPD", [5] = "EXP_DEL", [10] = "CONTROL",
}
local CONTROL = 10
local RESYNC, NACK, ACK = 2, 4, 8
local HELLO = 32
local HEADER = 8
local RANGE = 8
local SEALED = { [0xf0] = "DATA", [0xf1] = "ASK", [0xf2] = "ANSWER", [0xf3] = "OPEN" }
local SEALED_HEADER = 24
local SEALED_TAG = 16

local PROTOCOLS = { [1] = "ICMP", [6] = "TCP", [17] = "UDP", [33] = "DCCP", [47] = "GRE", [58] = "ICMPv6", [132] = "SCTP", [136] = "UDP-Lite" }
local TCP_STATES = { [0] = "NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "SYN_SENT2" }

-- Kinds of values: the size in bytes (or false for any), and the fields that the value has.
local fields = {}

local function field(make, name, label, ...)
  local made = make("conntrackd." .. name, label, ...)
  fields[#fields + 1] = made
  return made
end

local f = {
  version = field(ProtoField.uint8, "version", "Version", base.DEC, nil, 0xf0),
  type = field(ProtoField.uint8, "type", "Type", base.DEC, TYPES, 0x0f),
  flags = field(ProtoField.uint8, "flags", "Flags", base.HEX),
  resync = field(ProtoField.bool, "flags.resync", "RESYNC", 8, nil, RESYNC),
  nack = field(ProtoField.bool, "flags.nack", "NACK", 8, nil, NACK),
  ack = field(ProtoField.bool, "flags.ack", "ACK", 8, nil, ACK),
  alive = field(ProtoField.bool, "flags.alive", "ALIVE", 8, nil, 16),
  hello = field(ProtoField.bool, "flags.hello", "HELLO", 8, nil, HELLO),
  hello_back = field(ProtoField.bool, "flags.hello_back", "HELLO_BACK", 8, nil, 64),
  length = field(ProtoField.uint16, "length", "Length"),
  sequence = field(ProtoField.uint32, "sequence", "Sequence number"),
  from = field(ProtoField.uint32, "from", "From"),
  to = field(ProtoField.uint32, "to", "To"),
  attribute_length = field(ProtoField.uint16, "attribute.length", "Length"),
  attribute_type = field(ProtoField.uint16, "attribute.type", "Type"),
  attribute_value = field(ProtoField.bytes, "attribute.value", "Value"),
  sealed_type = field(ProtoField.uint8, "sealed.type", "Sealed", base.HEX, SEALED),
  sealed_key = field(ProtoField.uint24, "sealed.key", "Id of the key", base.HEX),
  sealed_session = field(ProtoField.bytes, "sealed.session", "Session of the sender"),
  sealed_counter = field(ProtoField.uint64, "sealed.counter", "Counter"),
  sealed_data = field(ProtoField.bytes, "sealed.data", "Encrypted"),
  sealed_tag = field(ProtoField.bytes, "sealed.tag", "Tag"),
  gap = field(ProtoField.uint32, "analysis.gap", "Messages missing before this one"),
  stale = field(ProtoField.bool, "analysis.stale", "Number is behind: repeated or overtaken"),
  repeats = field(ProtoField.framenum, "analysis.repeats", "Repeats the message in", base.NONE, frametype.DUP_ACK),
  acks = field(ProtoField.framenum, "analysis.acks", "Acknowledges the message in", base.NONE, frametype.ACK),
  ack_delay = field(ProtoField.double, "analysis.ack_delay", "Seconds since that message"),
  acked_in = field(ProtoField.framenum, "analysis.acked_in", "Acknowledged in", base.NONE, frametype.ACK),
  asks = field(ProtoField.framenum, "analysis.asks", "Asks again for the message in"),
}

local e = {
  malformed = ProtoExpert.new("conntrackd.malformed", "Malformed message", expert.group.MALFORMED, expert.severity.ERROR),
  gap = ProtoExpert.new("conntrackd.gap", "Messages are missing", expert.group.SEQUENCE, expert.severity.WARN),
  stale = ProtoExpert.new("conntrackd.stale", "Repeated or overtaken", expert.group.SEQUENCE, expert.severity.NOTE),
  restart = ProtoExpert.new("conntrackd.restart", "The sender restarted", expert.group.SEQUENCE, expert.severity.NOTE),
}
conntrackd.experts = { e.malformed, e.gap, e.stale, e.restart }

-- A value is added to the tree by a function (tree, buffer of the value).
local function number(make, size, name, label, ...)
  local made = field(make, name, label, ...)
  return { size = size, add = function(tree, value) tree:add(made, value()) end }
end

local function u8(name, label, strings) return number(ProtoField.uint8, 1, name, label, base.DEC, strings) end
local function u16(name, label) return number(ProtoField.uint16, 2, name, label) end
local function u32(name, label, form) return number(ProtoField.uint32, 4, name, label, form or base.DEC) end

local function native_u16(name, label)
  local made = field(ProtoField.uint16, name, label)
  return {
    size = 2,
    add = function(tree, value)
      if conntrackd.prefs.big_endian then tree:add(made, value()) else tree:add_le(made, value()) end
    end,
  }
end

-- Two values of one kind: of the original direction, source and destination.
local function pair(make, size, name, label)
  local source = field(make, name .. ".src", label .. " source")
  local destination = field(make, name .. ".dst", label .. " destination")
  return {
    size = 2 * size,
    add = function(tree, value)
      tree:add(source, value(0, size))
      tree:add(destination, value(size, size))
    end,
  }
end

local function list(names, name, label)
  local made = {}
  for at, each in ipairs(names) do
    made[at] = field(ProtoField.uint32, name .. "." .. each:gsub(" ", "_"), label .. " " .. each)
  end
  return {
    size = 4 * #names,
    add = function(tree, value)
      for at, each in ipairs(made) do tree:add(each, value(4 * (at - 1), 4)) end
    end,
  }
end

-- A text with its NUL; `limit` is that of the whole attribute.
local function text(limit, name, label)
  local made = field(ProtoField.stringz, name, label)
  return {
    limit = limit,
    add = function(tree, value) tree:add(made, value()) end,
    is_malformed = function(value) return value:len() == 0 or value(value:len() - 1, 1):uint() ~= 0 end,
  }
end

local function bytes(limit, name, label)
  local made = field(ProtoField.bytes, name, label)
  return { limit = limit, add = function(tree, value) tree:add(made, value()) end }
end

local ADJUSTMENTS = {
  "original position", "original before", "original after", "reply position", "reply before", "reply after",
}

local FLOW = {
  [0] = { "IPV4", pair(ProtoField.ipv4, 4, "ct.ipv4", "IPv4") },
  [1] = { "IPV6", pair(ProtoField.ipv6, 16, "ct.ipv6", "IPv6") },
  [2] = { "L4PROTO", u8("ct.protocol", "Protocol", PROTOCOLS) },
  [3] = { "PORT", pair(ProtoField.uint16, 2, "ct.port", "Port") },
  [4] = { "TCP_STATE", u8("ct.tcp_state", "State of TCP", TCP_STATES) },
  [5] = { "STATUS", u32("ct.status", "Status", base.HEX) },
  [6] = { "TIMEOUT", u32("ct.timeout", "Timeout in seconds") },
  [7] = { "MARK", u32("ct.mark", "Mark", base.HEX) },
  [8] = { "MASTER_IPV4", pair(ProtoField.ipv4, 4, "ct.master.ipv4", "Master IPv4") },
  [9] = { "MASTER_IPV6", pair(ProtoField.ipv6, 16, "ct.master.ipv6", "Master IPv6") },
  [10] = { "MASTER_L4PROTO", u8("ct.master.protocol", "Master protocol", PROTOCOLS) },
  [11] = { "MASTER_PORT", pair(ProtoField.uint16, 2, "ct.master.port", "Master port") },
  [12] = { "SNAT_IPV4", number(ProtoField.ipv4, 4, "ct.snat.ipv4", "Source translated to") },
  [13] = { "DNAT_IPV4", number(ProtoField.ipv4, 4, "ct.dnat.ipv4", "Destination translated to") },
  [14] = { "SPAT_PORT", native_u16("ct.snat.port", "Source port translated to") },
  [15] = { "DPAT_PORT", native_u16("ct.dnat.port", "Destination port translated to") },
  [16] = { "NAT_SEQ_ADJ", list(ADJUSTMENTS, "ct.seq_adj", "Sequence adjustment") },
  [17] = { "SCTP_STATE", u8("ct.sctp_state", "State of SCTP") },
  [18] = { "SCTP_VTAG_ORIG", u32("ct.sctp_vtag_orig", "Verification tag, original", base.HEX) },
  [19] = { "SCTP_VTAG_REPL", u32("ct.sctp_vtag_repl", "Verification tag, reply", base.HEX) },
  [20] = { "DCCP_STATE", u8("ct.dccp_state", "State of DCCP") },
  [21] = { "DCCP_ROLE", u8("ct.dccp_role", "Role of DCCP") },
  [22] = { "ICMP_TYPE", u8("ct.icmp_type", "Type of ICMP") },
  [23] = { "ICMP_CODE", u8("ct.icmp_code", "Code of ICMP") },
  [24] = { "ICMP_ID", native_u16("ct.icmp_id", "Identifier of ICMP") },
  [25] = { "TCP_WSCALE_ORIG", u8("ct.wscale_orig", "Window scale, original") },
  [26] = { "TCP_WSCALE_REPL", u8("ct.wscale_repl", "Window scale, reply") },
  [27] = { "HELPER_NAME", text(16, "ct.helper", "Helper") },
  [28] = { "LABELS", bytes(4 + 1024, "ct.labels", "Labels") },
  [29] = { "SNAT_IPV6", number(ProtoField.ipv6, 16, "ct.snat.ipv6", "Source translated to") },
  [30] = { "DNAT_IPV6", number(ProtoField.ipv6, 16, "ct.dnat.ipv6", "Destination translated to") },
  [31] = { "SYNPROXY", list({ "its", "isn", "tsoff" }, "ct.synproxy", "SYN proxy") },
  [32] = { "ZONE", u16("ct.zone", "Zone") },
}

local EXPECTATION = {
  [12] = { "TIMEOUT", u32("exp.timeout", "Timeout in seconds") },
  [13] = { "FLAGS", u32("exp.flags", "Flags", base.HEX) },
  [14] = { "CLASS", u32("exp.class", "Class") },
  [15] = { "NAT_IPV4", pair(ProtoField.ipv4, 4, "exp.nat.ipv4", "NAT IPv4") },
  [16] = { "NAT_PORT", pair(ProtoField.uint16, 2, "exp.nat.port", "NAT port") },
  [17] = { "NAT_L4PROTO", u8("exp.nat.protocol", "NAT protocol", PROTOCOLS) },
  [18] = { "NAT_DIR", u32("exp.nat.direction", "NAT direction") },
  [19] = { "HELPER_NAME", text(16, "exp.helper", "Helper") },
  [20] = { "FN", text(32, "exp.function", "Function") },
}
for at, name in ipairs({ "master", "expected", "mask" }) do
  local first = 4 * (at - 1)
  local prefix, label = "exp." .. name, name:sub(1, 1):upper() .. name:sub(2)
  local upper = at == 2 and "EXPECT" or name:upper()
  EXPECTATION[first] = { upper .. "_IPV4", pair(ProtoField.ipv4, 4, prefix .. ".ipv4", label .. " IPv4") }
  EXPECTATION[first + 1] = { upper .. "_IPV6", pair(ProtoField.ipv6, 16, prefix .. ".ipv6", label .. " IPv6") }
  EXPECTATION[first + 2] = { upper .. "_L4PROTO", u8(prefix .. ".protocol", label .. " protocol", PROTOCOLS) }
  EXPECTATION[first + 3] = { upper .. "_PORT", pair(ProtoField.uint16, 2, prefix .. ".port", label .. " port") }
end

conntrackd.fields = fields

-- Adds the attributes in `buffer`. Returns why they are malformed; nil if they are not.
local function add_attributes(buffer, known, tree)
  local at = 0
  while buffer:len() - at > 4 do
    local length, kind = buffer(at, 2):uint(), buffer(at + 2, 2):uint()
    if length < 4 or length > buffer:len() - at then return "an attribute is longer than the message, or too short" end
    local row = known[kind]
    if row == nil then return "unknown attribute " .. kind end
    local name, value = row[1], row[2]
    local branch = tree:add(conntrackd, buffer(at, length), name)
    branch:add(f.attribute_length, buffer(at, 2))
    branch:add(f.attribute_type, buffer(at + 2, 2))
    local size = length - 4
    if (value.size and size ~= value.size) or (value.limit and length > value.limit) then
      return "size " .. size .. " of " .. name
    end
    if size > 0 then
      local content = buffer(at + 4, size):tvb()
      if value.is_malformed and value.is_malformed(content) then return name .. " without its NUL" end
      value.add(branch, content)
    end
    at = at + math.floor((length + 3) / 4) * 4
  end
  return nil
end

-- Sequence analysis. What was found about a message, by packet number and offset; it is made on the first pass, where later packets
-- add to it what became of the message. And by destination and source: the number that a sender sends next, and what it sent.
local found, senders

function conntrackd.init()
  found, senders = {}, {}
end

-- The difference of two numbers modulo 2^32, from -2^31 on.
local function ahead(number, other)
  local difference = (number - other) % 4294967296
  return difference >= 2147483648 and difference - 4294967296 or difference
end

local function sender_of(source, destination)
  local to = tostring(destination)
  senders[to] = senders[to] or {}
  local from = tostring(source)
  senders[to][from] = senders[to][from] or { sent = {} }
  return senders[to][from]
end

-- Those whose messages a packet may acknowledge: the node that it goes to, or on a multicast group the others there.
local function acknowledged(source, destination)
  local direct = (senders[tostring(source)] or {})[tostring(destination)]
  if direct ~= nil then return { direct } end
  local others = {}
  for from, sender in pairs(senders[tostring(destination)] or {}) do
    if from ~= tostring(source) then others[#others + 1] = sender end
  end
  return others
end

-- Messages that one acknowledgement is followed back to.
local ACKS_MAX = 65536

local function note_ack(pinfo, result, from, to)
  for _, sender in ipairs(acknowledged(pinfo.src, pinfo.dst)) do
    local last = sender.sent[to]
    if last ~= nil then
      result.acks, result.ack_delay = last.frame, pinfo.abs_ts - last.time
      for back = 0, math.min(ahead(to, from), ACKS_MAX) do
        local message = sender.sent[(to - back) % 4294967296]
        if message ~= nil and message.acked_in == nil then message.acked_in = pinfo.number end
      end
      return
    end
  end
end

local function note_nack(pinfo, result, from)
  for _, sender in ipairs(acknowledged(pinfo.src, pinfo.dst)) do
    local first = sender.sent[from]
    if first ~= nil then
      result.asks = first.frame
      return
    end
  end
end

-- `from` and `to`: the range of a message that has one.
local function analyse(pinfo, at, sequence, flags, from, to)
  local place = pinfo.number .. ":" .. at
  if pinfo.visited then return found[place] end
  local sender = sender_of(pinfo.src, pinfo.dst)
  local result = { frame = pinfo.number, time = pinfo.abs_ts }
  if sender.expected ~= nil then
    local distance = ahead(sequence, sender.expected)
    if bit32.band(flags, HELLO) ~= 0 and distance ~= 0 then
      result.restart = true
      sender.sent = {}
    elseif distance > 0 then result.gap = distance
    elseif distance < 0 then
      result.stale = true
      local first = sender.sent[sequence]
      if first ~= nil then result.repeats = first.frame end
    end
  end
  if not result.stale then sender.expected = (sequence + 1) % 4294967296 end
  if not result.repeats then sender.sent[sequence] = result end
  if to ~= nil and bit32.band(flags, ACK) ~= 0 then note_ack(pinfo, result, from, to) end
  if to ~= nil and bit32.band(flags, NACK) ~= 0 then note_nack(pinfo, result, from) end
  found[place] = result
  return result
end

-- Adds what was found; returns a word for the column, or nothing.
local function add_analysis(tree, result)
  local function add(what, value) tree:add(what, value):set_generated() end
  if result.acks then
    add(f.acks, result.acks)
    add(f.ack_delay, result.ack_delay)
  end
  if result.asks then add(f.asks, result.asks) end
  if result.acked_in then add(f.acked_in, result.acked_in) end
  if result.gap then
    add(f.gap, result.gap)
    tree:add_proto_expert_info(e.gap, result.gap .. " messages are missing before this one")
    return " [" .. result.gap .. " missing]"
  end
  if result.stale then
    add(f.stale, true)
    if result.repeats then add(f.repeats, result.repeats) end
    tree:add_proto_expert_info(e.stale, result.repeats and "Repeated" or "Overtaken by a later one")
    return result.repeats and " [repeated]" or " [overtaken]"
  end
  if result.restart then
    tree:add_proto_expert_info(e.restart)
    return " [restarted]"
  end
  return ""
end

local function flag_names(flags)
  local names = {}
  for _, each in ipairs({ { RESYNC, "RESYNC" }, { NACK, "NACK" }, { ACK, "ACK" }, { 16, "ALIVE" }, { HELLO, "HELLO" }, { 64, "HELLO_BACK" } }) do
    if bit32.band(flags, each[1]) ~= 0 then names[#names + 1] = each[2] end
  end
  return table.concat(names, " ")
end

local function malformed(tree, buffer, why)
  tree:add_proto_expert_info(e.malformed, why)
  return why
end

-- Adds the message at the beginning of `buffer`, which is of its length. Returns a text about it.
local function add_message(buffer, at, pinfo, root)
  local kind, flags = bit32.band(buffer(0, 1):uint(), 0x0f), buffer(1, 1):uint()
  local sequence = buffer(4, 4):uint()
  local name = TYPES[kind] or ("type " .. kind)
  local label = kind == CONTROL and flag_names(flags) or name
  local tree = root:add(conntrackd, buffer(), label .. ", number " .. sequence)
  tree:add(f.version, buffer(0, 1))
  tree:add(f.type, buffer(0, 1))
  local flag_tree = tree:add(f.flags, buffer(1, 1))
  for _, each in ipairs({ "resync", "nack", "ack", "alive", "hello", "hello_back" }) do
    flag_tree:add(f[each], buffer(1, 1))
  end
  tree:add(f.length, buffer(2, 2))
  tree:add(f.sequence, buffer(4, 4))
  if bit32.rshift(buffer(0, 1):uint(), 4) ~= 1 then return malformed(tree, buffer, "version is not 1") end
  if TYPES[kind] == nil then return malformed(tree, buffer, "unknown " .. name) end
  local has_range = kind == CONTROL and bit32.band(flags, RESYNC + NACK + ACK) ~= 0 and buffer:len() >= HEADER + RANGE
  local from, to
  if has_range then
    from, to = buffer(8, 4):uint(), buffer(12, 4):uint()
    tree:add(f.from, buffer(8, 4))
    tree:add(f.to, buffer(12, 4))
    if bit32.band(flags, RESYNC) == 0 then tree:append_text(", " .. from .. " to " .. to) end
  end
  local analysis = analyse(pinfo, at, sequence, flags, from, to)
  if analysis then label = label .. add_analysis(tree, analysis) end
  if kind == CONTROL then return label end
  if buffer:len() == HEADER then return malformed(tree, buffer, "no attributes") end
  local why = add_attributes(buffer(HEADER):tvb(), kind <= 2 and FLOW or EXPECTATION, tree)
  if why ~= nil then return malformed(tree, buffer, why) end
  return label
end

local function add_sealed(buffer, root)
  local kind = buffer(0, 1):uint()
  local name = SEALED[kind] or "unknown frame"
  local tree = root:add(conntrackd, buffer(), "Sealed: " .. name)
  tree:add(f.sealed_type, buffer(0, 1))
  if buffer:len() < SEALED_HEADER + SEALED_TAG then return malformed(tree, buffer, "a sealed frame is too short") end
  tree:add(f.sealed_key, buffer(1, 3))
  tree:add(f.sealed_session, buffer(4, 12))
  tree:add(f.sealed_counter, buffer(16, 8))
  local size = buffer:len() - SEALED_HEADER - SEALED_TAG
  if size > 0 then tree:add(f.sealed_data, buffer(SEALED_HEADER, size)) end
  tree:add(f.sealed_tag, buffer(SEALED_HEADER + size, SEALED_TAG))
  return "sealed " .. name
end

-- "3 x CT_NEW, ACK" for the column.
local function summary(labels)
  local texts, at = {}, 1
  while at <= #labels do
    local count = 1
    while labels[at + count] == labels[at] do count = count + 1 end
    texts[#texts + 1] = count == 1 and labels[at] or (count .. " x " .. labels[at])
    at = at + count
  end
  return table.concat(texts, ", ")
end

-- The length of the message at `at`; nil and why if none can be framed there.
local function frame(buffer, at)
  local left = buffer:len() - at
  if left < HEADER then return nil, "cut short: " .. left .. " bytes" end
  local length = buffer(at + 2, 2):uint()
  if length < HEADER or length > left then return nil, "length " .. length .. " of " .. left .. " bytes" end
  return length
end

function conntrackd.dissector(buffer, pinfo, root)
  if buffer:len() == 0 then return 0 end
  pinfo.cols.protocol = "conntrackd"
  local tree = root:add(conntrackd, buffer())
  if bit32.rshift(buffer(0, 1):uint(), 4) == 0xf then
    pinfo.cols.info = add_sealed(buffer, tree)
    return buffer:len()
  end
  local labels, at = {}, 0
  while at < buffer:len() do
    local length, why = frame(buffer, at)
    if length == nil then
      -- A stream may bring the rest with its next segment.
      if pinfo.port_type == 2 then
        pinfo.desegment_offset = at
        pinfo.desegment_len = DESEGMENT_ONE_MORE_SEGMENT
        return buffer:len()
      end
      labels[#labels + 1] = malformed(tree, buffer, why)
      break
    end
    labels[#labels + 1] = add_message(buffer(at, length):tvb(), at, pinfo, tree)
    at = at + length
  end
  pinfo.cols.info = summary(labels)
  return buffer:len()
end

local registered

local function register()
  local udp, tcp = DissectorTable.get("udp.port"), DissectorTable.get("tcp.port")
  if registered ~= nil then
    udp:remove(registered, conntrackd)
    tcp:remove(registered, conntrackd)
  end
  registered = conntrackd.prefs.ports
  udp:add(registered, conntrackd)
  tcp:add(registered, conntrackd)
end

function conntrackd.prefs_changed() register() end

register()
