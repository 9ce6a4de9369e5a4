"""JMAP as it is said (RFC 8620, 8621, 8887, 9007, 9404, 9425, 9670): JSON in, typed values out, and back.

The law: nothing here does I/O, knows the time or draws lots. What a client got wrong leaves as one of three
exceptions of `errors`: RequestError (the HTTP answer is a problem), MethodError (one call is answered by an error)
or SetError (one object is refused); nothing else leaves, whatever comes.

One request, in the order the gateway goes through it:

    request = decode(body, limits, capabilities)         request.py   RequestError
    for call in request.calls:                           call.name, call.arguments, call.id
        method = find(call.name, request.using)          methods/     unknownMethod
        arguments = resolve(call.arguments, responses, budget)   references.py
        typed = method.read(arguments)                   methods/     invalidArguments
    encode(responses, session_state, created_ids)        request.py

`creation.CreationIds` is the map of creation ids of one request, `patch` the PatchObject, `filters` the trees of
/query, `objects` the properties of each type and what a client may put into them, `session` the Session object,
`websocket` and `push` what is said outside of requests.
"""
