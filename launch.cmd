@echo off
rem Starts the artifact that _artifact.txt names, passes on arguments and the exit code. launch.sh is its twin.
rem An artifact that dies before it proved itself is marked, and the last good one is started in the same attempt.
rem What is run is run on lines of its own, outside of parentheses: arguments may hold any character.
setlocal EnableExtensions DisableDelayedExpansion

rem Longer than this, seconds: it served, and its end is no failed start.
set "INPLACE_L_PROVEN_AFTER=60"

rem A network share can only be entered as a drive, which pushd provides and popd takes away.
cd /d "%~dp0" 2>nul
if /i not "%CD%\"=="%~dp0" if /i not "%CD%"=="%~dp0" pushd "%~dp0"
set "INPLACE_SITE_ROOT=%CD%"
set "INPLACE_L_HERE=%CD%"
if not "%INPLACE_L_HERE:~-1%"=="\" set "INPLACE_L_HERE=%INPLACE_L_HERE%\"
set "INPLACE_APP_PID="
set "INPLACE_L_FELL_BACK="
set "ERRORLEVEL="
rem A deploy leaves this unless its rollout is "recycle": then a supervisor keeps the port, and chooses the artifact by itself.
if not exist ".inplace\handover.json" goto recycle
call :runtime
if not defined INPLACE_L_RUNTIME goto recycle
if not exist ".inplace\runtime\%INPLACE_L_RUNTIME%\supervise.mjs" goto recycle
call :recent_node
if not defined INPLACE_L_NODE goto no_node
node.exe ".inplace\runtime\%INPLACE_L_RUNTIME%\supervise.mjs" %*
set "INPLACE_L_CODE=%ERRORLEVEL%"
goto done

:no_node
>&2 echo launch.cmd: a handover needs Node 20 or newer on the PATH; starting the artifact itself, which is recycled.

:recycle
if not defined PORT if defined HTTP_PLATFORM_PORT set "PORT=%HTTP_PLATFORM_PORT%"
if not defined HTTP_PLATFORM_PORT if defined PORT set "HTTP_PLATFORM_PORT=%PORT%"

call :signature_needed
if not defined INPLACE_L_SIGNED goto choose
set "INPLACE_ARTIFACT="
call :checked
set "INPLACE_ARTIFACT=%INPLACE_L_NAME%"
set "INPLACE_L_CODE=4"
if defined INPLACE_ARTIFACT goto start
if defined INPLACE_L_SIGNED goto done

:choose
call :name_in "_artifact.txt"
set "INPLACE_ARTIFACT=%INPLACE_L_NAME%"
if defined INPLACE_ARTIFACT if not exist ".inplace\failed\%INPLACE_ARTIFACT%" goto start
call :sound_one
if defined INPLACE_L_NAME goto another
rem Of those that failed, the first at least, where there is no other.
if defined INPLACE_ARTIFACT goto start
call :name_in ".inplace\last-good"
if defined INPLACE_L_NAME goto another
call :newest
set "INPLACE_L_WHICH=newest"
if defined INPLACE_L_NAME goto another
>&2 echo launch.cmd: nothing to start: _target in "%INPLACE_SITE_ROOT%" holds no artifact. Deploy one, or copy one into it.
set "INPLACE_L_CODE=4"
goto done

:another
if not defined INPLACE_ARTIFACT >&2 echo launch.cmd: _artifact.txt names nothing that can be started; starting the %INPLACE_L_WHICH% artifact, "%INPLACE_L_NAME%".
if defined INPLACE_ARTIFACT >&2 echo launch.cmd: "%INPLACE_ARTIFACT%" is marked failed; starting the %INPLACE_L_WHICH% artifact, "%INPLACE_L_NAME%".
set "INPLACE_ARTIFACT=%INPLACE_L_NAME%"

:start
call :seconds
set "INPLACE_L_STARTED=%INPLACE_L_SECONDS%"
set "INPLACE_L_DAY=%DATE%"
set "INPLACE_L_CODE=1"
call :resolve
if not defined INPLACE_L_KIND goto ended
if not exist ".inplace\" md ".inplace"
for /f "delims=" %%N in ("%INPLACE_ARTIFACT%") do >".inplace\started" echo.%%N
goto %INPLACE_L_KIND%

:node
call :runtime
if defined INPLACE_L_RUNTIME if exist ".inplace\runtime\%INPLACE_L_RUNTIME%\register.mjs" goto preloaded
node.exe "%INPLACE_L_PROGRAM%" %*
goto exited
:preloaded
node.exe --import "./.inplace/runtime/%INPLACE_L_RUNTIME%/register.mjs" "%INPLACE_L_PROGRAM%" %*
goto exited
:batch
rem Not with call, which doubles carets, nor from here without it, which never returns. The @ keeps cmd from taking
rem the first and the last quote for its own.
"%ComSpec%" /d /c @"%INPLACE_L_PROGRAM%" %*
goto exited
:itself
".\%INPLACE_L_PROGRAM%" %*

:exited
set "INPLACE_L_CODE=%ERRORLEVEL%"
:ended
rem The runtime found that it is not what was published, and marked it.
if "%INPLACE_L_CODE%"=="4" if exist ".inplace\failed\%INPLACE_ARTIFACT%" goto fall_back
if defined INPLACE_L_FELL_BACK goto done
rem Not its fault, as it says itself, or as the runtime says where another program has its port.
if "%INPLACE_L_CODE%"=="75" goto done
call :seconds
set /a "INPLACE_L_RAN=INPLACE_L_SECONDS-INPLACE_L_STARTED"
if not "%DATE%"=="%INPLACE_L_DAY%" goto done
if %INPLACE_L_RAN% lss 0 goto done
if %INPLACE_L_RAN% gtr %INPLACE_L_PROVEN_AFTER% goto done
call :name_in "_artifact.txt"
if defined INPLACE_L_NAME if /i not "%INPLACE_L_NAME%"=="%INPLACE_ARTIFACT%" goto done
call :name_in ".inplace\last-good"
if defined INPLACE_L_NAME if /i "%INPLACE_L_NAME%"=="%INPLACE_ARTIFACT%" goto done
rem One that is started for want of another, and fails again, is marked already.
if exist ".inplace\failed\%INPLACE_ARTIFACT%" goto fall_back
if not exist ".inplace\failed\" md ".inplace\failed"
>".inplace\failed\%INPLACE_ARTIFACT%" echo exit code %INPLACE_L_CODE%
:fall_back
call :sound_one
if not defined INPLACE_L_NAME goto done
if /i "%INPLACE_L_NAME%"=="%INPLACE_ARTIFACT%" goto done
>&2 echo launch.cmd: "%INPLACE_ARTIFACT%" ended with exit code %INPLACE_L_CODE% before it proved itself; starting the %INPLACE_L_WHICH% artifact, "%INPLACE_L_NAME%".
set "INPLACE_ARTIFACT=%INPLACE_L_NAME%"
set "INPLACE_L_FELL_BACK=1"
goto start

:done
popd 2>nul
endlocal & exit /b %INPLACE_L_CODE%


:recent_node
set "INPLACE_L_NODE="
for /f "tokens=1 delims=v." %%V in ('node.exe --version 2^>nul') do if %%V geq 20 set "INPLACE_L_NODE=%%V"
exit /b


rem Defines INPLACE_L_SIGNED if releases may have to be signed, which only the runtime can tell.
:signature_needed
set "INPLACE_L_SIGNED="
if defined INPLACE_PUBLIC_KEY set "INPLACE_L_SIGNED=1"
if exist "inplace.config.json" call :mentions "inplace.config.json"
if exist "package.json" call :mentions "package.json"
exit /b

rem A file that cannot be read may, and any letter may be written as an escape. findstr sees long lines of a file only, and what
rem was written in UTF-16 shows as text by type alone.
:mentions
type "%~1" >nul 2>nul
if errorlevel 1 set "INPLACE_L_SIGNED=1"
findstr /l /c:"requireSignature" /c:"\\u" "%~1" >nul 2>nul
if not errorlevel 1 set "INPLACE_L_SIGNED=1"
type "%~1" 2>nul | findstr /l /c:"requireSignature" /c:"\\u" >nul 2>nul
if not errorlevel 1 set "INPLACE_L_SIGNED=1"
if errorlevel 2 set "INPLACE_L_SIGNED=1"
exit /b


rem Sets INPLACE_L_NAME and INPLACE_L_CHECKED to an artifact and its program, as the runtime has checked them, in place of
rem the one that has just failed. Undefined where nothing may be started; INPLACE_L_SIGNED is, where no signature is needed.
:checked
set "INPLACE_L_NAME="
set "INPLACE_L_CHECKED="
call :runtime
call :recent_node
if not defined INPLACE_L_RUNTIME goto unchecked
if not defined INPLACE_L_NODE goto unchecked
if not exist ".inplace\runtime\%INPLACE_L_RUNTIME%\choose.mjs" goto unchecked
for /f "usebackq delims=" %%L in (`node.exe ".inplace\runtime\%INPLACE_L_RUNTIME%\choose.mjs" "%INPLACE_ARTIFACT%"`) do (
  if defined INPLACE_L_NAME set "INPLACE_L_CHECKED=%%L"
  if not defined INPLACE_L_NAME set "INPLACE_L_NAME=%%L"
)
if not "%INPLACE_L_NAME%"=="-" exit /b
set "INPLACE_L_NAME="
set "INPLACE_L_SIGNED="
exit /b
:unchecked
>&2 echo launch.cmd: this site may require signatures, which the runtime checks (inplace-deploy deploy) with Node 20 or newer on the PATH; nothing is started.
exit /b


:runtime
set "INPLACE_L_RUNTIME="
if exist ".inplace\runtime\current" for /f "usebackq" %%V in (".inplace\runtime\current") do set "INPLACE_L_RUNTIME=%%V"
exit /b


rem Reads a name from a file as the pointer and last-good hold it: bare, relative or absolute, / or \, with a byte
rem order mark, quotes and blanks around it. Undefined where there is no such line, or more than one.
:name_in
set "INPLACE_L_NAME="
set "INPLACE_L_LINE="
set "INPLACE_L_MORE="
if not exist "%~1" exit /b
for /f "usebackq tokens=*" %%L in ("%~1") do (
  if defined INPLACE_L_LINE set "INPLACE_L_MORE=1"
  set "INPLACE_L_LINE=%%L"
)
if defined INPLACE_L_MORE exit /b
if not defined INPLACE_L_LINE exit /b
set "INPLACE_L_LINE=%INPLACE_L_LINE:"=%"
rem Between the colon and what follows are the three bytes of a byte order mark. With _target after them, code pages
rem that take two bytes for a character read them here as they read them in the file.
if defined INPLACE_L_LINE set "INPLACE_L_LINE=%INPLACE_L_LINE:﻿_target=_target%"
if defined INPLACE_L_LINE set "INPLACE_L_LINE=%INPLACE_L_LINE:﻿=%"
if not defined INPLACE_L_LINE exit /b
for /f "delims=" %%N in ("%INPLACE_L_LINE%") do (
  if /i "%%~dpN"=="%INPLACE_L_HERE%_target\" set "INPLACE_L_NAME=%%~nxN"
  if /i "%%~dpN"=="%INPLACE_L_HERE%" if not "%INPLACE_L_LINE:~1,1%"==":" set "INPLACE_L_NAME=%%~nxN"
)

rem Keeps INPLACE_L_NAME if that is directly inside _target, and no temporary file, link out of it or file that Windows does not start.
:startable
if not defined INPLACE_L_NAME exit /b
set "INPLACE_L_ATTRIBUTES="
set "INPLACE_L_EXTENSION="
for /f "delims=" %%N in ("_target\%INPLACE_L_NAME%") do (
  set "INPLACE_L_ATTRIBUTES=%%~aN"
  set "INPLACE_L_EXTENSION=%%~xN"
)
if not defined INPLACE_L_ATTRIBUTES goto not_startable
if not "%INPLACE_L_ATTRIBUTES:l=%"=="%INPLACE_L_ATTRIBUTES%" goto not_startable
for %%T in (.tmp .part .partial .crdownload .download .filepart .swp .zip .nupkg .tgz .gz) do if /i "%INPLACE_L_EXTENSION%"=="%%T" goto not_startable
if "%INPLACE_L_NAME:~0,1%"=="." goto not_startable
if "%INPLACE_L_NAME:~0,1%"=="~" goto not_startable
if not "%INPLACE_L_NAME:~0,150%"=="%INPLACE_L_NAME%" goto not_startable
if /i "%INPLACE_L_ATTRIBUTES:~0,1%"=="d" exit /b
for %%X in (.mjs .js .cjs .cmd .bat .exe .com) do if /i "%INPLACE_L_EXTENSION%"=="%%X" exit /b
:not_startable
set "INPLACE_L_NAME="
exit /b


rem Sets INPLACE_L_NAME to the last good artifact, and where that one is gone or failed to the newest; undefined where
rem none was ever good.
:sound_one
set "INPLACE_L_NAME="
set "INPLACE_L_WHICH=last good"
if defined INPLACE_L_SIGNED goto checked
if not exist ".inplace\last-good" exit /b
call :name_in ".inplace\last-good"
if defined INPLACE_L_NAME if not exist ".inplace\failed\%INPLACE_L_NAME%" exit /b
set "INPLACE_L_WHICH=newest"

:newest
set "INPLACE_L_NAME="
set "INPLACE_L_KEPT=%INPLACE_ARTIFACT%"
for /f "delims=" %%F in ('dir /b /o-d /t:w "_target" 2^>nul') do (
  if not defined INPLACE_L_NAME if not exist ".inplace\failed\%%F" set "INPLACE_L_NAME=%%F"
  call :candidate
)
set "INPLACE_ARTIFACT=%INPLACE_L_KEPT%"
exit /b

rem Keeps INPLACE_L_NAME if that can be started, and is by its name no copy, or was deployed. A watcher knows more of such names.
:candidate
call :startable
if not defined INPLACE_L_NAME exit /b
if exist ".inplace\manifests\%INPLACE_L_NAME%.json" goto deployed
if not "%INPLACE_L_NAME: - Copy=%"=="%INPLACE_L_NAME%" goto not_startable
if not "%INPLACE_L_NAME:Copy of =%"=="%INPLACE_L_NAME%" goto not_startable
if not "%INPLACE_L_NAME:conflicted copy=%"=="%INPLACE_L_NAME%" goto not_startable
if not "%INPLACE_L_NAME:sync-conflict-=%"=="%INPLACE_L_NAME%" goto not_startable
if not "%INPLACE_L_NAME:.bak.=%"=="%INPLACE_L_NAME%" goto not_startable
if not "%INPLACE_L_NAME:-backup.=%"=="%INPLACE_L_NAME%" goto not_startable
:deployed
set "INPLACE_ARTIFACT=%INPLACE_L_NAME%"
call :resolve 2>nul
if not defined INPLACE_L_KIND goto not_startable
exit /b


rem Sets INPLACE_L_PROGRAM to the file to run and INPLACE_L_KIND to how, or neither.
:resolve
set "INPLACE_L_KIND="
set "INPLACE_L_PROGRAM=_target\%INPLACE_ARTIFACT%"
if defined INPLACE_L_SIGNED set "INPLACE_L_PROGRAM=%INPLACE_L_CHECKED%"
if defined INPLACE_L_SIGNED goto kind
if not exist "%INPLACE_L_PROGRAM%\*" goto kind
set "INPLACE_L_ENTRY="
if not exist "%INPLACE_L_PROGRAM%\_entry.txt" goto known_entry
for /f "usebackq tokens=*" %%E in ("%INPLACE_L_PROGRAM%\_entry.txt") do if not defined INPLACE_L_ENTRY set "INPLACE_L_ENTRY=%%E"
if not defined INPLACE_L_ENTRY goto known_entry
set "INPLACE_L_ENTRY=%INPLACE_L_ENTRY:"=%"
if not defined INPLACE_L_ENTRY goto known_entry
set "INPLACE_L_ENTRY=%INPLACE_L_ENTRY:/=\%"
if not "%INPLACE_L_ENTRY:..=%"=="%INPLACE_L_ENTRY%" goto no_entry
if exist "%INPLACE_L_PROGRAM%\%INPLACE_L_ENTRY%" goto entry
:no_entry
>&2 echo launch.cmd: "%INPLACE_L_PROGRAM%\_entry.txt" names no file inside its folder.
exit /b
:known_entry
for %%S in (index server main app) do for %%X in (mjs js cjs) do if not defined INPLACE_L_ENTRY if exist "%INPLACE_L_PROGRAM%\%%S.%%X" set "INPLACE_L_ENTRY=%%S.%%X"
if not defined INPLACE_L_ENTRY if exist "%INPLACE_L_PROGRAM%\%INPLACE_ARTIFACT%.exe" set "INPLACE_L_ENTRY=%INPLACE_ARTIFACT%.exe"
if not defined INPLACE_L_ENTRY if exist "%INPLACE_L_PROGRAM%\start.cmd" set "INPLACE_L_ENTRY=start.cmd"
if defined INPLACE_L_ENTRY goto entry
>&2 echo launch.cmd: "%INPLACE_L_PROGRAM%" has no entry point: name it in its _entry.txt.
exit /b
:entry
set "INPLACE_L_PROGRAM=%INPLACE_L_PROGRAM%\%INPLACE_L_ENTRY%"
:kind
for /f "delims=" %%N in ("%INPLACE_L_PROGRAM%") do set "INPLACE_L_EXTENSION=%%~xN"
for %%X in (.mjs .js .cjs) do if /i "%INPLACE_L_EXTENSION%"=="%%X" set "INPLACE_L_KIND=node"
for %%X in (.cmd .bat) do if /i "%INPLACE_L_EXTENSION%"=="%%X" set "INPLACE_L_KIND=batch"
for %%X in (.exe .com) do if /i "%INPLACE_L_EXTENSION%"=="%%X" set "INPLACE_L_KIND=itself"
if not defined INPLACE_L_KIND >&2 echo launch.cmd: Windows can not start "%INPLACE_L_PROGRAM%": it needs the extension .exe, .cmd, .bat, .mjs, .js or .cjs.
exit /b


rem Seconds of the day. Locales differ in what is between the digits; Wine has no seconds.
:seconds
for /f "tokens=1-3 delims=:., " %%H in ("%TIME%") do (
  set "INPLACE_L_HOURS=%%H"
  set "INPLACE_L_MINUTES=%%I"
  set "INPLACE_L_SECONDS=%%J"
)
if not "%INPLACE_L_SECONDS%" leq "59" set "INPLACE_L_SECONDS=00"
rem 08 by itself would be octal.
set /a "INPLACE_L_SECONDS=(100%INPLACE_L_HOURS% %% 100)*3600+(100%INPLACE_L_MINUTES% %% 100)*60+100%INPLACE_L_SECONDS% %% 100"
exit /b
