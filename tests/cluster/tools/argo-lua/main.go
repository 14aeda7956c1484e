// argo-lua runs a health check or a resource action on an object as Argo CD runs it: the same interpreter, the same
// few libraries, the same second at most.
//
//	argo-lua SCRIPT.lua <OBJECT.json >RESULT.json
//
// The object is the global `obj`; what the script returns is written as JSON.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	lua "github.com/yuin/gopher-lua"
	luajson "layeh.com/gopher-json"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "argo-lua:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("usage: argo-lua SCRIPT.lua <OBJECT.json")
	}
	script, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		return fmt.Errorf("the object: %w", err)
	}

	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{
		{lua.LoadLibName, lua.OpenPackage},
		{lua.BaseLibName, lua.OpenBase},
		{lua.TabLibName, lua.OpenTable},
	} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(library.open), Protect: true}, lua.LString(library.name)); err != nil {
			return err
		}
	}
	// Not a global: a script that does not ask for it has none, as with Argo CD.
	state.PreloadModule(lua.OsLibName, loadSafeOs)
	limit, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	state.SetContext(limit)
	state.SetGlobal("obj", luajson.DecodeValue(state, object))
	if err := state.DoString(string(script)); err != nil {
		return err
	}
	result, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return fmt.Errorf("the script returns %s, not a table", state.Get(-1).Type())
	}
	encoded, err := luajson.Encode(result)
	if err != nil {
		return err
	}
	var returned map[string]any
	if err := json.Unmarshal(encoded, &returned); err != nil {
		return fmt.Errorf("the result: %w", err)
	}
	restoreEmpty(returned, object)
	return json.NewEncoder(os.Stdout).Encode(returned)
}

// Lua has one empty table for an empty object and an empty list, and it is written as a list. Where the object had an
// empty object, Argo CD puts it back; so does this.
func restoreEmpty(returned, object map[string]any) {
	for key, old := range object {
		switch returnedValue := returned[key].(type) {
		case map[string]any:
			if oldMap, ok := old.(map[string]any); ok {
				restoreEmpty(returnedValue, oldMap)
			}
		case []any:
			if oldMap, ok := old.(map[string]any); ok && len(returnedValue) == 0 {
				returned[key] = oldMap
			}
			if oldList, ok := old.([]any); ok {
				for index := range min(len(returnedValue), len(oldList)) {
					returnedMap, isMap := returnedValue[index].(map[string]any)
					oldMap, wasMap := oldList[index].(map[string]any)
					if isMap && wasMap {
						restoreEmpty(returnedMap, oldMap)
					}
				}
			}
		}
	}
}

// Of the library os, a script has the time and nothing that touches the machine.
func loadSafeOs(state *lua.LState) int {
	state.Push(state.SetFuncs(state.NewTable(), map[string]lua.LGFunction{
		"time": func(state *lua.LState) int {
			state.Push(lua.LNumber(time.Now().Unix()))
			return 1
		},
		"date": func(state *lua.LState) int {
			if state.OptString(1, "") != "!%Y-%m-%dT%XZ" {
				state.RaiseError("this runner knows os.date(\"!%%Y-%%m-%%dT%%XZ\") only")
			}
			state.Push(lua.LString(time.Now().UTC().Format(time.RFC3339)))
			return 1
		},
	}))
	return 1
}
