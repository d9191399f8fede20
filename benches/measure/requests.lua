-- Sends the requests of a file, each once. Arguments: the file, the length of one, how many there are, how many threads.
local threads = 0

function setup(thread)
   thread:set("index", threads)
   threads = threads + 1
end

function init(arguments)
   length = tonumber(arguments[2])
   left = math.floor(tonumber(arguments[3]) / tonumber(arguments[4]))
   file = assert(io.open(arguments[1], "rb"))
   file:seek("set", index * left * length)
   accepted, refused = 0, 0
end

function request()
   if left == 0 then
      wrk.thread:stop()
      return last
   end
   left = left - 1
   last = file:read(length)
   return last
end

function response(status)
   if status == expected then accepted = accepted + 1 else refused = refused + 1 end
end
