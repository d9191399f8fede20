-- Sends the requests of a file, each once, and counts the answers.
-- Arguments: the file, the length of one request, how many there are, the status that is expected.
local main

function setup(thread)
   main = thread
end

function init(arguments)
   length = tonumber(arguments[2])
   left = tonumber(arguments[3])
   expected_status = tonumber(arguments[4])
   file = assert(io.open(arguments[1], "rb"))
   expected, other = 0, 0
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
   if status == expected_status then expected = expected + 1 else other = other + 1 end
end

function done()
   print("expected " .. main:get("expected"))
   print("other " .. main:get("other"))
end
